#include "runtime/ref/ops/tf_idf.h"

#include <algorithm>
#include <unordered_map>

namespace hf::runtime::ref {
namespace {

// Steps in one run: words, times skips, times the length of what matches; and n-grams, times rows.
constexpr std::uint64_t kMaxSteps = std::uint64_t{1} << 32;

enum class Weighing : unsigned char { kCount, kPresence, kWeightedCount };

struct Settings {
    std::int64_t shortest = 1, longest = 1;  // n of the n-grams that count
    std::int64_t skips = 0;                  // words left out between two of one n-gram, at most
    Weighing weighing = Weighing::kCount;
    std::vector<std::int64_t> starts;   // where the 1-grams, the 2-grams, ... start in the pool
    std::vector<std::int64_t> columns;  // of each n-gram of the pool, in its order
    std::vector<float> weights;
    std::int64_t width = 0;
};

Result<Settings> settings_of(const graph::Node& node) {
    Settings settings;
    settings.shortest = node.int_or("min_gram_length", 1);
    settings.longest = node.int_or("max_gram_length", 1);
    settings.skips = node.int_or("max_skip_count", 0);
    settings.starts = node.ints_or("ngram_counts", {});
    settings.columns = node.ints_or("ngram_indexes", {});
    settings.weights = node.floats_or("weights", {});
    const std::string mode = node.string_or("mode", "");
    if (mode == "IDF") {
        settings.weighing = Weighing::kPresence;
    } else if (mode == "TFIDF") {
        settings.weighing = Weighing::kWeightedCount;
    } else if (mode != "TF") {
        return invalid_argument("mode is '{}'; want TF, IDF or TFIDF", mode);
    }
    if (settings.shortest < 1 || settings.longest < settings.shortest || settings.skips < 0) {
        return invalid_argument("n-grams of {} to {} words with {} skips", settings.shortest,
                                settings.longest, settings.skips);
    }
    for (std::int64_t column : settings.columns) {
        if (column < 0 || column >= Shape::kMaxElements) {
            return out_of_range("ngram_indexes has {}", column);
        }
        settings.width = std::max(settings.width, column + 1);
    }
    if (!settings.weights.empty() && settings.weights.size() != settings.columns.size()) {
        return invalid_argument("{} weights for {} n-grams", settings.weights.size(),
                                settings.columns.size());
    }
    return settings;
}

// The n-grams of the pool by their words. State 0 has read nothing.
template <typename Word>
class Pool final {
public:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    static Result<Pool> create(const Settings& settings, const std::vector<Word>& words) {
        Pool pool;
        std::size_t number = 0;
        for (std::size_t k = 0; k < settings.starts.size(); ++k) {
            const bool last = k + 1 == settings.starts.size();
            const auto end =
                last ? static_cast<std::int64_t>(words.size()) : settings.starts[k + 1];
            const std::int64_t start = settings.starts[k];
            const auto length = static_cast<std::int64_t>(k + 1);
            if (start < 0 || end < start || end > static_cast<std::int64_t>(words.size()) ||
                (end - start) % length != 0) {
                return invalid_argument("ngram_counts do not split a pool of {} words",
                                        words.size());
            }
            for (std::int64_t at = start; at < end; at += length) {
                pool.add(std::span(words).subspan(static_cast<std::size_t>(at), k + 1), number++);
            }
        }
        if (number != settings.columns.size()) {
            return invalid_argument("{} ngram_indexes for {} n-grams", settings.columns.size(),
                                    number);
        }
        return pool;
    }

    std::size_t next(std::size_t state, const Word& word) const {
        const auto found = states_[state].next.find(word);
        return found == states_[state].next.end() ? kNone : found->second;
    }

    // The number of the n-gram that ends here, or kNone.
    std::size_t number(std::size_t state) const { return states_[state].number; }

private:
    struct State {
        std::unordered_map<Word, std::size_t> next;
        std::size_t number = kNone;
    };

    Pool() : states_(1) {}

    void add(std::span<const Word> words, std::size_t number) {
        std::size_t state = 0;
        for (const Word& word : words) {
            const auto [known, added] = states_[state].next.emplace(word, states_.size());
            state = known->second;
            if (added) states_.emplace_back();
        }
        states_[state].number = number;
    }

    std::vector<State> states_;
};

template <typename Word>
struct Counter {
    const Settings& settings;
    const Pool<Word>& pool;
    std::uint64_t steps = 0;

    // Adds the n-grams of one row that start at `start` and take every `stride`-th word.
    Status count(std::span<const Word> row, std::size_t start, std::size_t stride,
                 std::vector<std::uint32_t>& counts) {
        std::size_t state = 0;
        std::int64_t length = 0;
        for (std::size_t at = start; at < row.size(); at += stride) {
            if (++steps > kMaxSteps) return resource_exhausted("more than {} steps", kMaxSteps);
            state = pool.next(state, row[at]);
            if (state == Pool<Word>::kNone || ++length > settings.longest) return {};
            // One word has no gaps: it counts once, not for every stride.
            const bool counts_here = length >= settings.shortest && (length > 1 || stride == 1);
            if (counts_here && pool.number(state) != Pool<Word>::kNone)
                ++counts[pool.number(state)];
            if (stride > row.size() - at) return {};
        }
        return {};
    }

    Result<std::vector<std::uint32_t>> count_row(std::span<const Word> row) {
        std::vector<std::uint32_t> counts(settings.columns.size(), 0);
        steps += counts.size();
        const auto strides = std::min<std::uint64_t>(static_cast<std::uint64_t>(settings.skips) + 1,
                                                     row.empty() ? 0 : row.size());
        for (std::size_t stride = 1; stride <= strides; ++stride) {
            for (std::size_t start = 0; start < row.size(); ++start) {
                HF_TRY(count(row, start, stride, counts));
            }
        }
        return counts;
    }
};

float weigh(const Settings& settings, std::size_t number, std::uint32_t count) {
    const float weight = settings.weights.empty() ? 1.0f : settings.weights[number];
    switch (settings.weighing) {
        case Weighing::kCount: return static_cast<float>(count);
        case Weighing::kPresence: return count > 0 ? weight : 0.0f;
        case Weighing::kWeightedCount: return static_cast<float>(count) * weight;
    }
    return 0;
}

template <typename Word>
Outputs vectorize(const Settings& settings, const Shape& shape, std::span<const Word> words,
                  const std::vector<Word>& pool_words) {
    if (shape.rank() != 1 && shape.rank() != 2) {
        return invalid_argument("input of {}; want [C] or [NxC]", shape.to_string());
    }
    const Pool<Word> pool = HF_TRY(Pool<Word>::create(settings, pool_words));
    const std::int64_t rows = shape.rank() == 2 ? shape[0] : 1;
    const auto columns = static_cast<std::size_t>(shape[shape.rank() - 1]);
    Tensor out = HF_TRY(make_tensor(
        DType::kF32, shape.rank() == 2 ? Shape{rows, settings.width} : Shape{settings.width}));
    if (words.empty() || settings.columns.empty()) return one(std::move(out));
    Counter<Word> counter{settings, pool};
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
        const std::vector<std::uint32_t> counts =
            HF_TRY(counter.count_row(words.subspan(row * columns, columns)));
        const std::span<float> values =
            out.mutable_values<float>().subspan(row * static_cast<std::size_t>(settings.width),
                                                static_cast<std::size_t>(settings.width));
        for (std::size_t i = 0; i < counts.size(); ++i) {
            if (counts[i] == 0) continue;
            values[static_cast<std::size_t>(settings.columns[i])] = weigh(settings, i, counts[i]);
        }
    }
    return one(std::move(out));
}

}  // namespace

Outputs tf_idf(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Settings settings = HF_TRY(settings_of(context.node));
    if (input.dtype() == DType::kString) {
        return vectorize<std::string>(settings, input.shape(), input.strings(),
                                      context.node.strings_or("pool_strings", {}));
    }
    const std::vector<std::int64_t> words = HF_TRY(to_int64s(input));
    return vectorize<std::int64_t>(settings, input.shape(), words,
                                   context.node.ints_or("pool_int64s", {}));
}

}  // namespace hf::runtime::ref
