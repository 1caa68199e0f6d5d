// The fields of maintenance windows (api/window.h), which several kinds have. Pure.

#pragma once

#include "api/field.h"

namespace hf::api {

Field windows();
Field download_ahead();

}  // namespace hf::api
