// TfIdfVectorizer: how often each n-gram of a pool stands in a row of words. Internal to
// runtime/ref.

#pragma once

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

Outputs tf_idf(const OpContext& context);

}  // namespace hf::runtime::ref
