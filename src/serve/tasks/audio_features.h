// The member "features" of a declaration's "audio": what a sound becomes before a model hears it
// (media/audio/features.h). Pure.

#pragma once

#include "media/audio/features.h"
#include "serve/tasks/fields.h"

namespace hf::serve::tasks {

inline constexpr std::int64_t kMaxBands = 1024;

// `rate`: of the sound, samples a second. INVALID_ARGUMENT with the place of what is wrong.
Result<media::audio::FeatureOptions> read_features(const Fields& features, std::int64_t rate);

}  // namespace hf::serve::tasks
