// TrailedStream: a BodyStream whose trailers are known only when it has ended. By HTTP/2, and by
// nothing else, they are sent in place of the response's own.
//
// On the event loop's thread.

#pragma once

#include "http/message.h"

namespace hf::http {

class TrailedStream : public BodyStream {
public:
    // Once, when next() has said that it was the end, or the server drains and there is nothing.
    virtual Headers trailers() = 0;
};

}  // namespace hf::http
