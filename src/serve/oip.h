// The Open Inference Protocol over HTTP (KServe v2 REST): server and model metadata, health, infer,
// and /metrics. Errors are {"error": text} with the place in the request and what to do; see
// docs/reference/inference.md.

#pragma once

#include "http/server.h"
#include "serve/models.h"
#include "serve/receipts.h"

namespace hf::serve {

// With receipts, every inference has one (header "holdfast-receipt"), and /v2/receipts/ID gives it.
// REQUIRES: models and receipts outlive the server that the router goes into.
void add_oip_routes(http::Router& router, Models& models, Receipts* receipts = nullptr);

}  // namespace hf::serve
