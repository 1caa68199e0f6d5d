#include "http/http2_question.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "http/dialer.h"

namespace hf::http {
namespace {

constexpr std::int32_t kStreamWindow = 4 << 20;
constexpr std::int32_t kConnectionWindow = 16 << 20;
constexpr std::size_t kFieldOverhead = 32;  // RFC 9113 section 6.5.2

bool is_interim(int status) {
    return status >= 100 && status < 200;
}

}  // namespace

// What libnghttp2 calls, from within receive() and take_output().
struct Http2Question::Library {
    static Http2Question& self(void* user) { return *static_cast<Http2Question*>(user); }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* user) {
        Http2Question& question = self(user);
        if (frame->hd.stream_id == question.stream_) {
            question.add_header(std::string(as_text({name, name_size})),
                                std::string(as_text({value, value_size})));
        }
        return question.too_large_ ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Http2Question& question = self(user);
        question.speaks_ = true;
        if (question.stream_ == 0 || frame->hd.stream_id != question.stream_) return 0;
        if (frame->hd.type == NGHTTP2_HEADERS) question.finish_headers();
        const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        const bool counts = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (ends && counts) question.end(frame->hd.stream_id);
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                       std::size_t size, void* user) {
        Http2Question& question = self(user);
        if (id != question.stream_) return 0;
        question.body_.insert(question.body_.end(), data, data + size);
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
        Http2Question& question = self(user);
        if (id != question.stream_ || question.ended_) return 0;
        question.is_reset_ = true;
        question.reset_code_ = error;
        return 0;
    }

    static ssize_t on_read(nghttp2_session*, std::int32_t, std::uint8_t* space, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source*, void* user) {
        ByteView& unsent = self(user).unsent_;
        const std::size_t count = std::min(size, unsent.size());
        std::copy_n(unsent.begin(), count, space);
        unsent = unsent.subspan(count);
        if (unsent.empty()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    static nghttp2_session* create(Http2Question* user) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_option* option = nullptr;
        nghttp2_session* session = nullptr;
        HF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0,
                 "no memory for HTTP/2");
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_option_set_no_closed_streams(option, 1);
        const int made = nghttp2_session_client_new2(&session, callbacks, user, option);
        nghttp2_option_del(option);
        nghttp2_session_callbacks_del(callbacks);
        HF_CHECK(made == 0, "no memory for HTTP/2");
        return session;
    }
};

Http2Question::Http2Question() : session_(Library::create(this)) {
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kAnswerHeaderBytesMax},
    };
    nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings, std::size(settings));
    nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

void Http2Question::ask(const HeaderList& head, ByteView body) {
    list_.clear();
    body_.clear();
    answer_ = {};
    unsent_ = body;
    header_bytes_ = 0;
    headed_ = ended_ = is_reset_ = too_large_ = false;
    const std::vector<nghttp2_nv> views = views_of(head);
    nghttp2_data_provider provider{};
    provider.read_callback = Library::on_read;
    stream_ = nghttp2_submit_request(session_.get(), nullptr, views.data(), views.size(),
                                     body.empty() ? nullptr : &provider, nullptr);
    broken_ = broken_ || stream_ <= 0;
}

void Http2Question::receive(ByteView bytes) {
    constexpr std::string_view kOlder = "HTTP/1.";
    if (!speaks_ && as_text(bytes).starts_with(kOlder)) older_ = broken_ = true;
    if (broken_) return;
    broken_ = nghttp2_session_mem_recv(session_.get(), bytes.data(), bytes.size()) < 0;
}

void Http2Question::add_header(std::string name, std::string value) {
    header_bytes_ += name.size() + value.size() + kFieldOverhead;
    too_large_ = header_bytes_ > kAnswerHeaderBytesMax;
    if (!too_large_) list_.emplace_back(std::move(name), std::move(value));
}

// The library has seen that a status comes once and first, and that it is a number.
void Http2Question::finish_headers() {
    Headers& headers = headed_ ? answer_.trailers : answer_.headers;
    header_bytes_ = 0;
    int status = 0;
    for (auto& [name, value] : std::exchange(list_, {})) {
        if (name == ":status") {
            status = static_cast<int>(parse_int(value).value_or(0));
        } else {
            headers.add(std::move(name), std::move(value));
        }
    }
    if (headed_) return;
    if (is_interim(status)) {
        headers = {};
        return;
    }
    answer_.status = status;
    headed_ = true;
}

void Http2Question::end(std::int32_t stream) {
    ended_ = true;
    if (unsent_.empty()) return;
    // Answered before it was all sent, which the rest will not change.
    unsent_ = {};
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

// After a GOAWAY of ours, or of the server when none of our requests is left.
bool Http2Question::has_nothing_to_do() const {
    return nghttp2_session_want_read(session_.get()) == 0 &&
           nghttp2_session_want_write(session_.get()) == 0;
}

Status Http2Question::trouble() const {
    if (older_) return unavailable("the server does not speak HTTP/2");
    if (too_large_) {
        return resource_exhausted("the answer's header exceeds {} bytes", kAnswerHeaderBytesMax);
    }
    if (ended_) return {};
    if (is_reset_) {
        return unavailable("the server ended the request: {}", nghttp2_http2_strerror(reset_code_));
    }
    return unavailable("what the server sends is not HTTP/2");
}

bool Http2Question::is_free() const {
    const bool asking = stream_ != 0 && !is_over();
    return !broken_ && !asking && nghttp2_session_want_read(session_.get()) != 0 &&
           nghttp2_session_check_request_allowed(session_.get()) != 0;
}

}  // namespace hf::http
