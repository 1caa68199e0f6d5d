// The connections of clients: a Dialer makes them, with TLS where the URL says so, and runs its
// loop while something on one of them is waited for.
//
// Internal to this module. Not thread-safe: one Dialer a thread, and it outlives its Links. Errors
// are those of Client::send().

#pragma once

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "base/status.h"
#include "http/client.h"
#include "http/transport.h"
#include "http/url.h"

namespace hf::http {

inline constexpr std::size_t kAnswerHeaderBytesMax = 64u << 10;
inline constexpr std::size_t kAnswerPieceBytes = 64u << 10;

struct Link {
    Link(std::string to, Transport made) : origin(std::move(to)), transport(std::move(made)) {}

    std::string origin;
    Transport transport;
    boost::beast::flat_buffer buffer{kAnswerHeaderBytesMax + kAnswerPieceBytes};
    bool reusable = false;  // the last answer was read to its end, and the server goes on
};

// INVALID_ARGUMENT for what cannot be sent, or is not the caller's to set.
Status check_headers(const Headers& headers);

// What an operation's error means; `doing` says whose.
Status failure(const boost::system::error_code& error, std::string_view doing);

class Dialer final {
public:
    // `http2`: with TLS, servers that do not speak it are UNAVAILABLE.
    // REQUIRES: `options` outlives the Dialer.
    explicit Dialer(const ClientOptions& options, bool http2 = false)
        : options_(options), http2_(http2) {}

    // What is wrong with the options, as far as that shows before a connection is made.
    Status prepare();

    // What to call while something is waited for, as ClientRequest::pulse says; null: nothing. What
    // an earlier one ended is forgotten.
    void follow(std::function<Status()> pulse);

    // What the pulse ended the waiting with.
    const Status& stopped() const { return stopped_; }

    // `doing` begins the message of an error.
    Result<std::unique_ptr<Link>> connect(const Url& url, const std::string& doing);

    // Runs the loop to the end of one operation on the transport.
    boost::system::error_code wait(Transport& transport,
                                   boost::asio::awaitable<boost::system::error_code> operation);

private:
    Status shake_hands(Link& link, const Url& url, const std::string& doing);

    const ClientOptions& options_;
    const bool http2_;
    std::unique_ptr<boost::asio::ssl::context> tls_;  // made when first needed
    boost::asio::io_context loop_{1};
    std::function<Status()> pulse_;
    Status stopped_;
};

}  // namespace hf::http
