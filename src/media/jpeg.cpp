#include "media/jpeg.h"

#include <array>
#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include <jerror.h>

#include "media/exif.h"

namespace hf::media {
namespace {

constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr std::string_view kExifHead("Exif\0\0", 6);

// libjpeg reports an error by a function that must not return. `back` leads to the method of Reader
// that called the library, none of whose callees has anything to destroy.
struct Errors {
    jpeg_error_mgr manager;
    std::jmp_buf back;
    std::array<char, JMSG_LENGTH_MAX> text;
};

[[noreturn]] void leave(j_common_ptr info) {
    auto* const errors = reinterpret_cast<Errors*>(info->err);
    info->err->format_message(info, errors->text.data());
    std::longjmp(errors->back, 1);
}

// The library goes on after damage and makes something up. Some warnings tell of none.
void hear(j_common_ptr info, int level) {
    if (level >= 0) return;  // a trace
    const int code = info->err->msg_code;
    const bool harmless =
        code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR;
    if (!harmless) leave(info);
}

void count_scans(j_common_ptr info) {
    const auto* const decompress = reinterpret_cast<j_decompress_ptr>(info);
    if (decompress->input_scan_number <= kMaxJpegScans) return;
    info->err->msg_code = JERR_BAD_PROGRESSION;
    leave(info);
}

void say_nothing(j_common_ptr) {}

// Its methods answer false after an error, whose text then is error().
class Reader final {
public:
    explicit Reader(ByteView bytes) : bytes_(bytes) {
        info_.err = jpeg_std_error(&errors_.manager);
        errors_.manager.error_exit = leave;
        errors_.manager.emit_message = hear;
        errors_.manager.output_message = say_nothing;
    }
    ~Reader() {
        if (info_.mem) jpeg_destroy_decompress(&info_);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    bool read_header() {
        if (setjmp(errors_.back)) return false;
        jpeg_create_decompress(&info_);
        info_.mem->max_memory_to_use = kMaxJpegBytes;
        jpeg_mem_src(&info_, bytes_.data(), bytes_.size());
        jpeg_save_markers(&info_, kExifMarker, 0xFFFF);
        jpeg_read_header(&info_, TRUE);
        progress_.progress_monitor = count_scans;
        info_.progress = &progress_;
        return true;
    }

    // REQUIRES: room for all pixels of the header's extent.
    bool read_pixels(std::uint8_t* rgb) {
        if (setjmp(errors_.back)) return false;
        info_.out_color_space = JCS_RGB;
        jpeg_start_decompress(&info_);
        while (info_.output_scanline < info_.output_height) {
            JSAMPROW row =
                rgb + std::size_t{info_.output_scanline} * info_.output_width * kChannels;
            jpeg_read_scanlines(&info_, &row, 1);
        }
        jpeg_finish_decompress(&info_);
        return true;
    }

    Status error() const {
        return invalid_argument("the JPEG file is damaged: {}", errors_.text.data());
    }

    bool has_four_colours() const {
        return info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
    }
    Extent extent() const { return {info_.image_width, info_.image_height}; }

    int orientation() const {
        for (jpeg_saved_marker_ptr at = info_.marker_list; at; at = at->next) {
            const ByteView data(at->data, at->data_length);
            if (at->marker == kExifMarker && as_text(data).starts_with(kExifHead)) {
                return exif_orientation(data.subspan(kExifHead.size()));
            }
        }
        return 1;
    }

private:
    const ByteView bytes_;
    Errors errors_{};
    jpeg_decompress_struct info_{};
    jpeg_progress_mgr progress_{};
};

}  // namespace

bool is_jpeg(ByteView bytes) {
    return as_text(bytes).starts_with("\xFF\xD8\xFF");
}

Result<Decoded> decode_jpeg(ByteView bytes) {
    Reader reader(bytes);
    if (!reader.read_header()) return reader.error();
    if (reader.has_four_colours()) {
        return unimplemented("a JPEG file in CMYK is not read here; convert it to RGB");
    }
    return decode_pixels(reader);
}

}  // namespace hf::media
