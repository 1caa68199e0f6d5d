#include "http/socket_bio.h"

#include <memory>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include "base/check.h"

namespace hf::http {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

SocketLink& link_of(BIO* bio) {
    return *static_cast<SocketLink*>(BIO_get_data(bio));
}

int read_socket(BIO* bio, char* out, std::size_t size, std::size_t* count) {
    SocketLink& link = link_of(bio);
    BIO_clear_retry_flags(bio);
    ErrorCode error;
    *count = link.socket.read_some(asio::buffer(out, size), error);
    if (!error) return 1;
    if (error == asio::error::would_block)
        BIO_set_retry_read(bio);
    else if (error == asio::error::eof)
        link.ended = true;
    else
        link.error = error;
    return 0;
}

int write_socket(BIO* bio, const char* in, std::size_t size, std::size_t* count) {
    SocketLink& link = link_of(bio);
    BIO_clear_retry_flags(bio);
    ErrorCode error;
    *count = link.socket.write_some(asio::buffer(in, size), error);
    if (!error) return 1;
    if (error == asio::error::would_block)
        BIO_set_retry_write(bio);
    else
        link.error = error;
    return 0;
}

long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return link_of(bio).ended ? 1 : 0;
    return 0;
}

int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
}

struct FreeMethod {
    void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

std::unique_ptr<BIO_METHOD, FreeMethod> make_method() {
    std::unique_ptr<BIO_METHOD, FreeMethod> method(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket of a loop"));
    HF_CHECK(method, "OpenSSL has no memory");
    BIO_meth_set_read_ex(method.get(), read_socket);
    BIO_meth_set_write_ex(method.get(), write_socket);
    BIO_meth_set_ctrl(method.get(), control);
    BIO_meth_set_create(method.get(), create);
    return method;
}

}  // namespace

void SocketLink::open() {
    ErrorCode ignored;  // what is closed says so when it is read
    if (!socket.non_blocking()) socket.non_blocking(true, ignored);
}

BIO* new_socket_bio(SocketLink& link) {
    static const std::unique_ptr<BIO_METHOD, FreeMethod> method = make_method();
    BIO* const bio = BIO_new(method.get());
    HF_CHECK(bio, "OpenSSL has no memory");
    BIO_set_data(bio, &link);
    return bio;
}

}  // namespace hf::http
