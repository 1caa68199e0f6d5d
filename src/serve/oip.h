// The Open Inference Protocol over HTTP (KServe v2 REST): server and model metadata, health, infer,
// and /metrics. Errors are {"error": text} with the place in the request and what to do; see
// docs/reference/inference.md.

#pragma once

#include "http/server.h"
#include "serve/cascade/cascades.h"
#include "serve/models.h"
#include "serve/receipts.h"

namespace hf::serve {

// Beside models, what may be there. It outlives the server that the router goes into.
struct OipExtras {
    Receipts* receipts = nullptr;  // every inference has one (header "holdfast-receipt")
    cascade::Cascades* cascades = nullptr;
};

// REQUIRES: models outlive the server that the router goes into.
void add_oip_routes(http::Router& router, Models& models, const OipExtras& extras = {});

}  // namespace hf::serve
