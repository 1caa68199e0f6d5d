// The option --header 'NAME: VALUE', which may be given several times. Pure.

#pragma once

#include "cli/command.h"
#include "http/message.h"

namespace hf::cli {

Option header_option();

// INVALID_ARGUMENT names the header that is none.
Result<http::Headers> read_headers(const Arguments& arguments);

}  // namespace hf::cli
