#include "serve/ensemble/busy.h"

#include <algorithm>
#include <vector>

namespace hf::serve::ensemble {

Duration time_covered(std::span<const Span> spans) {
    std::vector<Span> sorted(spans.begin(), spans.end());
    std::sort(sorted.begin(), sorted.end(),
              [](const Span& a, const Span& b) { return a.from < b.from; });
    Duration covered{};
    Duration until = Duration::min();
    for (const Span& span : sorted) {
        const Duration from = std::max(span.from, until);
        if (span.to <= from) continue;
        covered += span.to - from;
        until = span.to;
    }
    return covered;
}

}  // namespace hf::serve::ensemble
