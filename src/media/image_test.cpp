#include "media/image.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "media/exif.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::media {
namespace {

constexpr Extent kExtent{7, 5};  // of all that testdata/make.py makes

Bytes file(const std::string& name) {
    testing::DiskFiles files;
    return *files.read(testing::source_dir() + "/src/media/testdata/" + name, 1u << 20);
}

// The most by which a channel is off from the picture of testdata/make.py.
int distance(const Image& image) {
    int most = 0;
    for (std::size_t i = 0; i < image.rgb.size(); ++i) {
        const auto x = static_cast<int>(i / 3 % kExtent.width);
        const auto y = static_cast<int>(i / 3 / kExtent.width);
        const int want[] = {30 * x, 50 * y, 200 - 20 * x};
        most = std::max(most, std::abs(image.rgb[i] - want[i % 3]));
    }
    return most;
}

TEST(Image, PngIsExactInEveryForm) {
    for (const char* name : {"rgb.png", "alpha.png", "palette.png", "deep.png", "turned.png"}) {
        const Result<Image> image = decode_image(file(name));
        ASSERT_TRUE(image.ok()) << name << ": " << image.status().to_string();
        EXPECT_EQ(image->extent, kExtent) << name;
        EXPECT_EQ(distance(*image), 0) << name;
    }
}

TEST(Image, JpegIsNearInEveryForm) {
    for (const char* name : {"rgb.jpg", "progressive.jpg"}) {
        const Result<Image> image = decode_image(file(name));
        ASSERT_TRUE(image.ok()) << name << ": " << image.status().to_string();
        EXPECT_EQ(image->extent, kExtent) << name;
        EXPECT_LE(distance(*image), 8) << name;
    }
}

TEST(Image, GreyHasThreeEqualChannels) {
    for (const char* name : {"grey.png", "grey.jpg"}) {
        const Image image = *decode_image(file(name));
        for (std::size_t i = 0; i < image.rgb.size(); ++i) {
            EXPECT_EQ(image.rgb[i], image.rgb[i / 3 * 3]) << name;
        }
    }
}

TEST(Image, IsUprightInEveryOrientation) {
    for (int orientation = 2; orientation <= 8; ++orientation) {
        const Image image = *decode_image(file(fmt::format("turned{}.jpg", orientation)));
        EXPECT_EQ(image.extent, kExtent) << orientation;
        EXPECT_LE(distance(image), 8) << orientation;
    }
}

TEST(Image, RefusesWhatItDoesNotRead) {
    EXPECT_EQ(decode_image({}).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(decode_image(as_bytes("GIF89a")).status().message(),
              "this is neither a JPEG nor a PNG file, by its first bytes");
    EXPECT_EQ(decode_image(file("cmyk.jpg")).status().code(), Code::kUnimplemented);
    EXPECT_EQ(decode_image(file("huge.png")).status().message(),
              "the image has 100000x100000 pixels, and no side may have above 16384");
    EXPECT_EQ(check_extent(16384, 16384).code(), Code::kResourceExhausted);
    EXPECT_EQ(check_extent(0, 3).code(), Code::kInvalidArgument);
}

// Half a file is no picture, wherever it ends.
TEST(Image, EveryTruncationIsAnError) {
    for (const char* name :
         {"rgb.png", "palette.png", "turned.png", "rgb.jpg", "progressive.jpg", "turned6.jpg"}) {
        const Bytes whole = file(name);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const Result<Image> image = decode_image(ByteView(whole).first(size));
            EXPECT_FALSE(image.ok()) << name << ", " << size << " of " << whole.size();
        }
    }
}

// Damage may go unseen in a JPEG; it must not do more.
TEST(Image, EveryDamagedByteIsAnErrorOrAnImage) {
    for (const char* name : {"alpha.png", "deep.png", "progressive.jpg", "turned6.jpg"}) {
        Bytes bytes = file(name);
        for (std::uint8_t& byte : bytes) {
            byte ^= 0xFF;
            const Result<Image> image = decode_image(bytes);
            if (image.ok()) {
                EXPECT_EQ(image->rgb.size() % 3, 0U);
            }
            byte ^= 0xFF;
        }
    }
}

TEST(Image, AnOrientationThatCannotBeReadIsUpright) {
    const std::string_view good("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22);
    EXPECT_EQ(exif_orientation(as_bytes(good)), 6);
    for (std::size_t size = 0; size < 20; ++size) {
        EXPECT_EQ(exif_orientation(as_bytes(good.substr(0, size))), 1) << size;
    }
    std::string far(good);
    far[7] = '\x7F';
    EXPECT_EQ(exif_orientation(as_bytes(far)), 1);
    std::string ninth(good);
    ninth[18] = '\x09';
    EXPECT_EQ(exif_orientation(as_bytes(ninth)), 1);
}

}  // namespace
}  // namespace hf::media
