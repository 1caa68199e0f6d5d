// Reads HTTP responses: feeds a parser of Beast's from a transport until it has what is asked for.
// Errors, limits and what is left in the buffer are those of Beast's own asynchronous reads; but
// these are compiled once, whatever the message's body.
//
// Internal to this module. Used on the transport's event loop; all arguments outlive the call.

#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "http/transport.h"

namespace hf::http {

// One part of the message from what is in the buffer; error::need_more when that is not enough.
// REQUIRES: the parser is not done.
boost::system::error_code parse_some(boost::beast::flat_buffer& buffer,
                                     boost::beast::http::basic_parser<false>& parser);

// The same, but reads what it takes.
boost::asio::awaitable<boost::system::error_code> read_some(
    Transport& transport, boost::beast::flat_buffer& buffer,
    boost::beast::http::basic_parser<false>& parser);

// The header alone; what came of the body stays in the buffer.
boost::asio::awaitable<boost::system::error_code> read_header(
    Transport& transport, boost::beast::flat_buffer& buffer,
    boost::beast::http::basic_parser<false>& parser);

// All of the message, or what is still to come of it.
boost::asio::awaitable<boost::system::error_code> read_message(
    Transport& transport, boost::beast::flat_buffer& buffer,
    boost::beast::http::basic_parser<false>& parser);

}  // namespace hf::http
