#include "http/reading.h"

#include <algorithm>

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>

// Arguments of awaited calls are named variables in this file: GCC 12 destroys temporaries in such
// expressions twice.

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using beast::http::basic_parser;
using beast::http::error;

constexpr std::size_t kReadBytes = 16u << 10;  // a TLS record; also more, where there is room
constexpr std::size_t kReadBytesMax = 64u << 10;

// Zero when the buffer is full.
std::size_t room(const beast::flat_buffer& buffer) {
    const std::size_t at_hand = buffer.capacity() - buffer.size();
    const std::size_t wanted = std::clamp(at_hand, kReadBytes, kReadBytesMax);
    return std::min(wanted, buffer.max_size() - buffer.size());
}

ErrorCode parse_end(basic_parser<false>& parser) {
    if (!parser.got_some()) return error::end_of_stream;
    ErrorCode result;
    parser.put_eof(result);
    return result;
}

}  // namespace

ErrorCode parse_some(beast::flat_buffer& buffer, basic_parser<false>& parser) {
    ErrorCode result;
    buffer.consume(parser.put(buffer.data(), result));
    return result;
}

asio::awaitable<ErrorCode> read_some(Transport& transport, beast::flat_buffer& buffer,
                                     basic_parser<false>& parser) {
    ErrorCode result = error::need_more;
    if (buffer.size() > 0) result = parse_some(buffer, parser);
    while (result == error::need_more) {
        const std::size_t size = room(buffer);
        if (size == 0) co_return error::buffer_overflow;
        const asio::mutable_buffer space = buffer.prepare(size);
        const IoResult came = co_await transport.read_some(space);
        buffer.commit(came.bytes);
        if (came.error == asio::error::eof) co_return parse_end(parser);
        if (came.error) co_return came.error;
        result = parse_some(buffer, parser);
    }
    co_return result;
}

asio::awaitable<ErrorCode> read_header(Transport& transport, beast::flat_buffer& buffer,
                                       basic_parser<false>& parser) {
    parser.eager(false);
    ErrorCode result;
    while (!result && !parser.is_header_done()) {
        result = co_await read_some(transport, buffer, parser);
    }
    co_return result;
}

asio::awaitable<ErrorCode> read_message(Transport& transport, beast::flat_buffer& buffer,
                                        basic_parser<false>& parser) {
    parser.eager(true);
    ErrorCode result;
    while (!result && !parser.is_done()) {
        result = co_await read_some(transport, buffer, parser);
    }
    co_return result;
}

}  // namespace hf::http
