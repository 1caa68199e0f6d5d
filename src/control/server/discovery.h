// What the API offers, in the documents that clients ask first: groups, versions, resources.
// Pure functions.

#pragma once

#include <string_view>

#include "base/json.h"

namespace hf::control {

json::Value api_versions();      // GET /api
json::Value api_groups();        // GET /apis
json::Value holdfast_group();    // GET /apis/holdfast.dev
json::Value openapi_v3_paths();  // GET /openapi/v3

// GET /version; `version` is Holdfast's own.
json::Value version_info(std::string_view version);

// GET /apis/GROUP/VERSION, and /api/v1 for the empty group. null when there is no such group.
json::Value api_resources(std::string_view group, std::string_view version);

}  // namespace hf::control
