#include "media/resize.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf::media {
namespace {

Image noise(Extent extent, Rng& rng) {
    Image image{extent, Bytes(extent.width * extent.height * kChannels)};
    for (std::uint8_t& byte : image.rgb) byte = static_cast<std::uint8_t>(rng.next());
    return image;
}

// What a source pixel at `at` weighs for the output pixel `i`, by the definition of each filter.
struct Side {
    std::size_t in = 0;
    std::size_t out = 0;
};
double weight(Filter filter, std::size_t at, std::size_t i, Side side) {
    const double step = static_cast<double>(side.in) / static_cast<double>(side.out);
    const double place = static_cast<double>(at);
    const double from = static_cast<double>(i) * step;
    if (filter == Filter::kArea && step > 1) {
        return std::max(0.0, std::min(place + 1, from + step) - std::max(place, from));
    }
    const double centre = from + step / 2;
    if (filter == Filter::kAntialias) {
        return std::max(0.0, 1 - std::abs(place + 0.5 - centre) / std::max(step, 1.0));
    }
    const double inside = std::clamp(centre - 0.5, 0.0, static_cast<double>(side.in - 1));
    return std::max(0.0, 1 - std::abs(place - inside));
}

// One pixel, from all of the source.
double brute_force(const Image& image, Extent to, Filter filter, std::size_t index) {
    const std::size_t channel = index % kChannels;
    const std::size_t x = index / kChannels % to.width;
    const std::size_t y = index / kChannels / to.width;
    const auto [width, height] = image.extent;
    double sum = 0;
    double weights = 0;
    for (std::size_t row = 0; row < height; ++row) {
        for (std::size_t column = 0; column < width; ++column) {
            const double w = weight(filter, row, y, {height, to.height}) *
                             weight(filter, column, x, {width, to.width});
            sum += w * image.rgb[(row * width + column) * kChannels + channel];
            weights += w;
        }
    }
    return sum / weights;
}

TEST(Resize, IsWhatTheDefinitionSays) {
    Rng rng(7);
    const Extent sizes[] = {{1, 1}, {3, 2}, {5, 9}, {16, 16}, {23, 4}};
    for (const Filter filter : {Filter::kAntialias, Filter::kBilinear, Filter::kArea}) {
        for (const Extent from : sizes) {
            for (const Extent to : sizes) {
                const Image image = noise(from, rng);
                const Image resized = *resize(image, to, filter);
                ASSERT_EQ(resized.extent, to);
                for (std::size_t i = 0; i < resized.rgb.size(); ++i) {
                    EXPECT_NEAR(resized.rgb[i], brute_force(image, to, filter, i), 0.51)
                        << static_cast<int>(filter) << " " << from.width << "x" << from.height
                        << " to " << to.width << "x" << to.height;
                }
            }
        }
    }
}

TEST(Resize, ToItsOwnSizeChangesNothing) {
    Rng rng(8);
    const Image image = noise({9, 4}, rng);
    for (const Filter filter : {Filter::kAntialias, Filter::kBilinear, Filter::kArea}) {
        EXPECT_EQ(resize(image, {9, 4}, filter)->rgb, image.rgb);
    }
}

TEST(Resize, ResultsAreBounded) {
    Rng rng(9);
    const Image thin = noise({16384, 1}, rng);
    EXPECT_EQ(resize(thin, with_short_side(thin.extent, 256), Filter::kBilinear).status().code(),
              Code::kResourceExhausted);
}

TEST(Resize, SidesAreRoundedAsPromised) {
    EXPECT_EQ(with_short_side({500, 375}, 256), (Extent{341, 256}));
    EXPECT_EQ(with_short_side({375, 500}, 256), (Extent{256, 341}));
    EXPECT_EQ(fitted({100, 50}, {64, 64}), (Extent{64, 32}));
    EXPECT_EQ(fitted({5000, 1}, {64, 64}), (Extent{64, 1}));
}

TEST(Resize, CropsTheMiddle) {
    Rng rng(10);
    const Image image = noise({5, 4}, rng);
    const Image middle = *crop_centre(image, {2, 2});  // 1.5 to the left is 2, as in Python
    EXPECT_EQ(middle.rgb[0], image.rgb[(1 * 5 + 2) * 3]);
    EXPECT_EQ(middle.rgb[11], image.rgb[(2 * 5 + 3) * 3 + 2]);
    EXPECT_EQ(crop_centre(image, {6, 2}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace hf::media
