// A socket as OpenSSL reads and writes it: without a buffer of its own, without waiting, and
// without SIGPIPE. BIO_s_socket() would raise that where the peer went away.
//
// Internal to this module. Of the event loop's thread that owns the socket.

#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <openssl/bio.h>

namespace hf::http {

struct SocketLink {
    boost::asio::ip::tcp::socket& socket;
    boost::system::error_code error;  // of the last call that failed for good; none at the end
    bool ended = false;               // the peer sends no more

    // Sees to it that nothing on the socket waits. Before the first use, once it is connected.
    void open();
};

// REQUIRES: `link` outlives the BIO.
BIO* new_socket_bio(SocketLink& link);

}  // namespace hf::http
