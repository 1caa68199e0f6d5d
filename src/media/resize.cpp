#include "media/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

namespace hf::media {
namespace {

// What one pixel of a side is made of: pixels from `first` on, by weights that add up to one.
struct Mix {
    std::size_t first = 0;
    std::vector<float> weights;
};

Mix nearest_two(double centre, std::size_t in) {
    const double low = std::floor(centre);
    if (low < 0) return {0, {1.0F}};
    const auto first = static_cast<std::size_t>(low);
    if (first + 1 >= in) return {in - 1, {1.0F}};
    const auto share = static_cast<float>(centre - low);
    return {first, {1.0F - share, share}};
}

// Weights of the pixels from `first` to `last`, by what `weight` says of each.
template <typename Weight>
Mix weighted(std::size_t first, std::size_t last, Weight weight) {
    std::vector<double> raw;
    double sum = 0;
    for (std::size_t at = first; at < last; ++at) {
        raw.push_back(weight(static_cast<double>(at)));
        sum += raw.back();
    }
    Mix mix{first, {}};
    for (const double one : raw) mix.weights.push_back(static_cast<float>(one / sum));
    return mix;
}

Mix triangle(double centre, double step, std::size_t in) {
    const double reach = std::max(step, 1.0);
    const double low = std::max(0.0, centre - reach + 0.5);
    const double high = std::min(static_cast<double>(in), centre + reach + 0.5);
    return weighted(static_cast<std::size_t>(low), static_cast<std::size_t>(high), [&](double at) {
        return std::max(0.0, 1 - std::abs(at + 0.5 - centre) / reach);
    });
}

Mix covered(double from, double step, std::size_t in) {
    const double to = std::min(from + step, static_cast<double>(in));
    const auto last = std::min(in, static_cast<std::size_t>(std::ceil(to - 1e-9)));
    const auto first = std::min(static_cast<std::size_t>(from + 1e-9), last - 1);
    return weighted(first, last, [&](double at) {
        return std::max(0.0, std::min(at + 1, to) - std::max(at, from));
    });
}

std::vector<Mix> mixes(std::size_t in, std::size_t out, Filter filter) {
    const double step = static_cast<double>(in) / static_cast<double>(out);
    std::vector<Mix> all;
    all.reserve(out);
    for (std::size_t i = 0; i < out; ++i) {
        const double centre = (static_cast<double>(i) + 0.5) * step;
        if (filter == Filter::kAntialias) {
            all.push_back(triangle(centre, step, in));
        } else if (filter == Filter::kArea && step > 1) {
            all.push_back(covered(static_cast<double>(i) * step, step, in));
        } else {
            all.push_back(nearest_two(centre - 0.5, in));
        }
    }
    return all;
}

void mix_rows(const Image& image, const Mix& mix, std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.0F);
    for (std::size_t i = 0; i < mix.weights.size(); ++i) {
        const std::uint8_t* const row = &image.rgb[(mix.first + i) * out.size()];
        const float weight = mix.weights[i];
        for (std::size_t x = 0; x < out.size(); ++x) {
            out[x] += weight * static_cast<float>(row[x]);
        }
    }
}

std::uint8_t to_byte(float value) {
    return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

void mix_columns(std::span<const float> row, const std::vector<Mix>& columns, std::uint8_t* out) {
    for (const Mix& mix : columns) {
        float sum[kChannels] = {};
        for (std::size_t i = 0; i < mix.weights.size(); ++i) {
            for (std::size_t c = 0; c < kChannels; ++c) {
                sum[c] += mix.weights[i] * row[(mix.first + i) * kChannels + c];
            }
        }
        for (const float value : sum) *out++ = to_byte(value);
    }
}

}  // namespace

Result<Image> resize(const Image& image, Extent to, Filter filter) {
    HF_CHECK(image.extent.width > 0 && image.extent.height > 0, "resize() of an empty image");
    HF_TRY(check_extent(to.width, to.height).context("resized"));
    if (image.extent == to) return image;
    const std::vector<Mix> columns = mixes(image.extent.width, to.width, filter);
    const std::vector<Mix> rows = mixes(image.extent.height, to.height, filter);
    Image out{to, Bytes(to.width * to.height * kChannels)};
    std::vector<float> row(image.extent.width * kChannels);
    for (std::size_t y = 0; y < to.height; ++y) {
        mix_rows(image, rows[y], row);
        mix_columns(row, columns, &out.rgb[y * to.width * kChannels]);
    }
    return out;
}

Extent with_short_side(Extent extent, std::size_t pixels) {
    const std::size_t shorter = std::min(extent.width, extent.height);
    return {pixels * extent.width / shorter, pixels * extent.height / shorter};
}

Extent fitted(Extent extent, Extent into) {
    const double scale =
        std::min(static_cast<double>(into.width) / static_cast<double>(extent.width),
                 static_cast<double>(into.height) / static_cast<double>(extent.height));
    const auto side = [scale](std::size_t pixels, std::size_t most) {
        const auto rounded = static_cast<std::size_t>(static_cast<double>(pixels) * scale + 0.5);
        return std::clamp<std::size_t>(rounded, 1, most);
    };
    return {side(extent.width, into.width), side(extent.height, into.height)};
}

std::size_t crop_start(std::size_t from, std::size_t to) {
    return static_cast<std::size_t>(std::nearbyint(static_cast<double>(from - to) / 2));
}

Result<Image> crop_centre(const Image& image, Extent to) {
    const Extent from = image.extent;
    if (from.width < to.width || from.height < to.height) {
        return invalid_argument("an image of {}x{} pixels has no middle of {}x{}", from.width,
                                from.height, to.width, to.height);
    }
    const std::size_t left = crop_start(from.width, to.width);
    const std::size_t top = crop_start(from.height, to.height);
    Image out{to, Bytes(to.width * to.height * kChannels)};
    for (std::size_t y = 0; y < to.height; ++y) {
        std::memcpy(&out.rgb[y * to.width * kChannels],
                    &image.rgb[((top + y) * from.width + left) * kChannels], to.width * kChannels);
    }
    return out;
}

}  // namespace hf::media
