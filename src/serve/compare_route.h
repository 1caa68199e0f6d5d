// POST /v2/models/{model}/compare: holds the answer of the version that is served here against the
// previous version's (comparison.h), counts whether they agree, and says only that. The answer
// itself goes to nobody, so it makes no receipt, and is not among the counts of requests.
//
// A gateway asks it for its server. Where callers show certificates, nobody else may: whoever could
// make up answers would decide what a roll-out does.
//
// Thread-safety: from any thread.

#pragma once

#include "http/message.h"
#include "serve/models.h"

namespace hf::serve {

// {"agrees": truth}. 403 to all but gateways, 404 without the model, 409 when another version is
// served, 400 when the comparison does not read, 429 while others are under way. A request that the
// version refuses or fails, and an output that it does not have, do not agree.
http::Response compare(Models& models, const http::Request& request);

}  // namespace hf::serve
