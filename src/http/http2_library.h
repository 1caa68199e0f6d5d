// libnghttp2, and what both sides of a connection share of its use. Internal to this module.

#pragma once

#include <memory>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/bytes.h"
#include "http/http2_headers.h"

namespace hf::http {

// The list as the library takes it, which copies what it is given. The list outlives it.
std::vector<nghttp2_nv> views_of(const HeaderList& list);

// What is to be sent next, some tens of kilobytes at most; empty: nothing now. `broken` becomes
// true when the library cannot go on.
Bytes take_output_of(nghttp2_session* session, bool& broken);

struct SessionFree {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
};
using SessionHandle = std::unique_ptr<nghttp2_session, SessionFree>;

}  // namespace hf::http
