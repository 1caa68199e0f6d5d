// Which requests are answered on the event loop, because changing threads would cost more than the
// answer: whether the server lives, and inferences of models that take a few microseconds.
//
// Thread-safety: what it returns may be asked from any thread.

#pragma once

#include <string_view>

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve {

// A model without a guard is quick when its inferences have taken no more on average, for requests
// up to so large:
// so many that the rows of one cannot hold up the loop for long.
inline constexpr Duration kQuickMost = std::chrono::microseconds(10);
inline constexpr std::size_t kQuickBytesMax = 2048;

// REQUIRES: the services outlive it.
http::Quick quick_requests(const Services& services);

// The model that a request for an inference names, by its path, or its message where it is gRPC's.
// Empty: it is none, or not plainly written.
std::string_view named_model(const http::Request& request);

}  // namespace hf::serve
