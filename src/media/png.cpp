#include "media/png.h"

#include <array>
#include <csetjmp>
#include <cstring>

#include <png.h>

#include "media/exif.h"

namespace hf::media {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1a\n", 8);
constexpr png_alloc_size_t kMaxChunkBytes = 8u << 20;

// Chunks that change nothing here, some of which unpack to much more than they are.
constexpr std::array<png_byte, 30> kNotRead{"iCCP\0tEXt\0zTXt\0iTXt\0sPLT\0hIST"};

// Its methods answer false after an error, whose text then is error(). libpng reports an error by a
// function that must not return: `back_` leads to the method that called the library, none of whose
// callees has anything to destroy.
class Reader final {
public:
    explicit Reader(ByteView bytes) : bytes_(bytes) {}
    ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    bool read_header() {
        if (setjmp(back_)) return false;
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, leave, say_nothing);
        info_ = png_ ? png_create_info_struct(png_) : nullptr;
        if (!info_) return false;
        png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // image.h's are checked
        png_set_chunk_malloc_max(png_, kMaxChunkBytes);
        png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kNotRead.data(),
                                    static_cast<int>(kNotRead.size() / 5));
        png_set_read_fn(png_, this, give);
        png_read_info(png_, info_);
        return true;
    }

    // REQUIRES: room for all pixels of the header's extent.
    bool read_pixels(std::uint8_t* rgb) {
        if (setjmp(back_)) return false;
        png_set_expand(png_);
        png_set_scale_16(png_);
        png_set_gray_to_rgb(png_);
        png_set_strip_alpha(png_);
        const int passes = png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        const std::size_t row_bytes = extent().width * kChannels;
        if (png_get_rowbytes(png_, info_) != row_bytes) png_error(png_, "rows of another size");
        for (int pass = 0; pass < passes; ++pass) {
            for (std::size_t y = 0; y < extent().height; ++y) {
                png_read_row(png_, rgb + y * row_bytes, nullptr);
            }
        }
        png_read_end(png_, nullptr);
        return true;
    }

    Status error() const { return invalid_argument("the PNG file is damaged: {}", text_.data()); }

    Extent extent() const {
        return {png_get_image_width(png_, info_), png_get_image_height(png_, info_)};
    }

    int orientation() const {
        png_uint_32 size = 0;
        png_bytep data = nullptr;
        if (!png_get_eXIf_1(png_, info_, &size, &data)) return 1;
        return exif_orientation({data, size});
    }

private:
    [[noreturn]] static void leave(png_structp png, png_const_charp text) {
        auto* const reader = static_cast<Reader*>(png_get_error_ptr(png));
        std::strncpy(reader->text_.data(), text, reader->text_.size() - 1);
        std::longjmp(reader->back_, 1);
    }

    static void say_nothing(png_structp, png_const_charp) {}

    static void give(png_structp png, png_bytep out, std::size_t size) {
        auto* const reader = static_cast<Reader*>(png_get_io_ptr(png));
        if (reader->bytes_.size() < size) png_error(png, "it ends too early");
        std::memcpy(out, reader->bytes_.data(), size);
        reader->bytes_ = reader->bytes_.subspan(size);
    }

    ByteView bytes_;  // what is still to be read
    std::jmp_buf back_{};
    std::array<char, 128> text_{"libpng does not start"};
    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
};

}  // namespace

bool is_png(ByteView bytes) {
    return as_text(bytes).starts_with(kSignature);
}

Result<Decoded> decode_png(ByteView bytes) {
    Reader reader(bytes);
    if (!reader.read_header()) return reader.error();
    return decode_pixels(reader);
}

}  // namespace hf::media
