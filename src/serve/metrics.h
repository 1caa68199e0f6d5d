// What /metrics shows of the models, in Prometheus' text exposition format 0.0.4. Series are
// bounded: one set a model in the table, whatever names clients ask for.
//
// Thread-safety: any thread.

#pragma once

#include <string>
#include <string_view>

#include "serve/models.h"

namespace hf::serve {

std::string models_metrics(const Models& models);

// A label's value with backslash, quote and newline escaped.
std::string metric_label(std::string_view text);

}  // namespace hf::serve
