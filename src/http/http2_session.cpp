#include "http/http2_session.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "http/framing.h"

namespace hf::http {
namespace {

constexpr std::size_t kBiteBytes = 4096;  // after so many a flood is looked for
constexpr std::int32_t kStreamWindow = 1 << 20;
constexpr std::int32_t kConnectionWindow = 8 << 20;
constexpr Duration kLinger = std::chrono::seconds(2);  // of a request whose answer is complete
constexpr std::size_t kFieldOverhead = 32;             // RFC 9113 section 6.5.2
constexpr std::size_t kHeaderTimesMax = 4;
constexpr std::size_t kUsualFields = 12;  // of a request
constexpr std::size_t kHeaderPartsMax = 8;

bool expects_continue(const Request& request) {
    return to_lower(request.headers.get("expect").value_or("")) == "100-continue";
}

std::size_t declared_length_of(const Request& request) {
    const Result<std::int64_t> length =
        parse_int(request.headers.get("content-length").value_or("0"));
    return length.ok() && *length > 0 ? static_cast<std::size_t>(*length) : 0;
}

}  // namespace

// What libnghttp2 calls, from within receive() and take_output().
struct Http2Session::Library {
    static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

    static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
        self(user).begin_frame(head->type, head->length);
        return 0;
    }

    static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Http2Session& session = self(user);
        session.heading_ = frame->hd.stream_id;
        session.heading_since_ = session.now_;
        session.parts_ = 0;
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) session.streams_[frame->hd.stream_id];
        return 0;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* user) {
        Http2Session& session = self(user);
        Stream* const stream = session.find(frame->hd.stream_id);
        if (!stream) return 0;
        session.add_header(*stream, std::string(as_text({name, name_size})),
                           std::string(as_text({value, value_size})));
        return 0;
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Http2Session& session = self(user);
        const bool headers = frame->hd.type == NGHTTP2_HEADERS;
        if (headers) session.heading_ = 0;
        Stream* const stream = session.find(frame->hd.stream_id);
        if (!stream || (!headers && frame->hd.type != NGHTTP2_DATA)) return 0;
        const StreamId id = frame->hd.stream_id;
        if (headers && !stream->headed) session.finish_head(id, *stream);
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) session.end_request(id, *stream);
        return 0;
    }

    // One that the library refuses by itself: a stream too many, fields that are not HTTP's.
    static int on_invalid(nghttp2_session*, const nghttp2_frame*, int, void* user) {
        Http2Session& session = self(user);
        if (!session.meter_.reset(session.now_)) session.flooded_ = true;
        return 0;
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                       std::size_t size, void* user) {
        self(user).add_body(id, {data, size});
        return 0;
    }

    static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
        self(user).close(id, error != NGHTTP2_NO_ERROR);
        return 0;
    }

    static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Http2Session& session = self(user);
        const bool answer = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (!answer) return 0;
        session.meter_.work();
        Stream* const stream = session.find(frame->hd.stream_id);
        if (!stream || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
        stream->complete = true;
        stream->since = session.now_;
        return 0;
    }

    static ssize_t on_read(nghttp2_session*, std::int32_t id, std::uint8_t* space, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source*, void* user) {
        return self(user).read_answer(id, {space, size}, flags);
    }

    static nghttp2_session* create(Http2Session* user) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_option* option = nullptr;
        nghttp2_session* session = nullptr;
        HF_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0,
                 "no memory for HTTP/2");
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        const int made = nghttp2_session_server_new2(&session, callbacks, user, option);
        nghttp2_option_del(option);
        nghttp2_session_callbacks_del(callbacks);
        HF_CHECK(made == 0, "no memory for HTTP/2");
        return session;
    }
};

Http2Session::Http2Session(Options options)
    : options_(std::move(options)),
      session_(Library::create(this)),
      meter_(options_.now),
      now_(options_.now),
      heard_(options_.now),
      in_use_(options_.now) {
    const auto streams = static_cast<std::uint32_t>(options_.limits.streams);
    const auto header_bytes = static_cast<std::uint32_t>(options_.limits.header_bytes);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, header_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings, std::size(settings));
    nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2Session::~Http2Session() = default;

Http2Session::Stream* Http2Session::find(StreamId id) {
    const auto at = streams_.find(id);
    return at == streams_.end() ? nullptr : &at->second;
}

void Http2Session::receive(ByteView bytes, Duration now) {
    now_ = now;
    while (!bytes.empty() && !broken_ && !flooded_) {
        const ByteView bite = bytes.first(std::min(bytes.size(), kBiteBytes));
        const ssize_t count = nghttp2_session_mem_recv(session_.get(), bite.data(), bite.size());
        broken_ = count < 0;
        bytes = bytes.subspan(bite.size());
    }
}

void Http2Session::begin_frame(std::uint8_t type, std::size_t length) {
    heard_ = now_;
    asked_ = false;
    if (type != NGHTTP2_CONTINUATION) heading_ = 0;
    if (type == NGHTTP2_HEADERS || (type == NGHTTP2_DATA && length > 0)) return;
    const bool too_many_parts = type == NGHTTP2_CONTINUATION && ++parts_ > kHeaderPartsMax;
    if (too_many_parts || !meter_.frame(now_)) flooded_ = true;
}

void Http2Session::add_header(Stream& stream, std::string name, std::string value) {
    stream.header_bytes += name.size() + value.size() + kFieldOverhead;
    if (stream.header_bytes > kHeaderTimesMax * options_.limits.header_bytes) flooded_ = true;
    stream.too_large = stream.header_bytes > options_.limits.header_bytes;
    // Fields after the body count as little as they do in HTTP/1.1.
    const bool counts = !stream.headed && !stream.too_large;
    if (!counts) return;
    if (stream.list.empty()) stream.list.reserve(kUsualFields);
    stream.list.emplace_back(std::move(name), std::move(value));
}

void Http2Session::finish_head(StreamId id, Stream& stream) {
    stream.headed = true;
    stream.since = now_;
    const Limits& limits = options_.limits;
    if (stream.too_large) {
        refuse(id, 431, fmt::format("headers exceed {} bytes", limits.header_bytes));
        return;
    }
    Result<Request> request = request_of(std::exchange(stream.list, {}));
    if (!request.ok()) {
        refuse(id, 400, std::string(request.status().message()));
        return;
    }
    stream.request = std::move(*request);
    stream.head = stream.request.method == "HEAD";
    stream.content_type = stream.request.headers.get("content-type").value_or("");
    stream.duplex = options_.is_duplex && options_.is_duplex(stream.request);
    if (!stream.duplex && declared_length_of(stream.request) > limits.body_bytes) {
        refuse(id, 413, body_limit_text(limits));
        return;
    }
    if (expects_continue(stream.request)) {
        const HeaderList go_on{{":status", "100"}};
        const std::vector<nghttp2_nv> views = views_of(go_on);
        nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, id, nullptr, views.data(),
                               views.size(), nullptr);
    }
    if (stream.duplex) tell(id, stream);
}

void Http2Session::tell(StreamId id, Stream& stream) {
    stream.told = true;
    hold(stream, 0, 0);
    events_.push_back({Http2Event::Kind::kRequest, id, std::move(stream.request)});
}

void Http2Session::add_body(StreamId id, ByteView data) {
    nghttp2_session_consume_connection(session_.get(), data.size());
    meter_.work();
    Stream* const stream = find(id);
    if (!stream) return;
    if (stream->deaf) return;
    if (!stream->duplex) nghttp2_session_consume_stream(session_.get(), id, data.size());
    stream->body_bytes += data.size();
    if (!stream->duplex && stream->body_bytes > options_.limits.body_bytes) {
        refuse(id, 413, body_limit_text(options_.limits));
        return;
    }
    const bool duplex = stream->duplex;
    hold(*stream, stream->pending + (duplex ? data.size() : 0),
         stream->kept + (duplex ? 0 : data.size()));
    if (is_full()) {
        refuse(id, 503, "too much is being sent over this connection at a time; try again");
        return;
    }
    if (!duplex) {
        Bytes& body = stream->request.body;
        body.insert(body.end(), data.begin(), data.end());
        return;
    }
    events_.push_back({Http2Event::Kind::kBody, id, {}, {data.begin(), data.end()}});
}

void Http2Session::hold(Stream& stream, std::size_t pending, std::size_t kept) {
    held_ = held_ - stream.pending - stream.kept + pending + kept;
    stream.pending = pending;
    stream.kept = kept;
}

void Http2Session::end_request(StreamId id, Stream& stream) {
    if (std::exchange(stream.ended, true) || stream.deaf) return;
    if (stream.duplex) {
        events_.push_back({Http2Event::Kind::kEnded, id});
    } else {
        tell(id, stream);
    }
}

// A stream whose answer has begun can only be reset.
void Http2Session::refuse(StreamId id, int status, const std::string& message) {
    Stream* const stream = find(id);
    if (!stream) return;
    if (stream->answered) {
        reset(id, false);
        return;
    }
    respond(id, Response::error(status, message), false);
    if (stream->told) events_.push_back({Http2Event::Kind::kGone, id});
    stream->told = false;
    hold(*stream, 0, 0);
    stream->request = Request();
}

void Http2Session::close(StreamId id, bool by_reset) {
    in_use_ = now_;
    if (id == heading_) heading_ = 0;
    if (by_reset && !meter_.reset(now_)) flooded_ = true;
    const auto at = streams_.find(id);
    if (at == streams_.end()) return;
    hold(at->second, 0, 0);
    if (at->second.told) events_.push_back({Http2Event::Kind::kGone, id});
    streams_.erase(at);
}

Bytes Http2Session::take_output(Duration now) {
    now_ = now;
    if (flooded_) nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
    return take_output_of(session_.get(), broken_);
}

bool Http2Session::over() const {
    return broken_ || (nghttp2_session_want_read(session_.get()) == 0 &&
                       nghttp2_session_want_write(session_.get()) == 0);
}

void Http2Session::respond(StreamId id, Response response, bool goes_on) {
    Stream* const stream = find(id);
    if (!stream || stream->answered) return;
    stream->answered = true;
    stream->deaf = stream->deaf || !stream->duplex || !goes_on;
    stream->since = now_;
    if (options_.rephrase && !goes_on) {
        response = options_.rephrase(stream->content_type, std::move(response));
    }
    stream->goes_on = goes_on && !stream->head;
    stream->trailers = list_of(response.trailers);
    const bool has_body =
        !stream->head && (goes_on || !response.body.empty() || !stream->trailers.empty());
    const BodyForm form =
        stream->head ? BodyForm::kNone : (goes_on ? BodyForm::kPieces : BodyForm::kWhole);
    const HeaderList list = list_of(response, form);
    if (has_body && !goes_on && !response.body.empty()) {
        stream->out_bytes = response.body.size();
        stream->out.push_back(std::move(response.body));
    }
    const std::vector<nghttp2_nv> views = views_of(list);
    nghttp2_data_provider provider{};
    provider.read_callback = Library::on_read;
    nghttp2_submit_response(session_.get(), id, views.data(), views.size(),
                            has_body ? &provider : nullptr);
}

void Http2Session::send(StreamId id, Bytes piece) {
    Stream* const stream = find(id);
    if (!stream || !stream->goes_on || piece.empty()) return;
    if (stream->out.empty()) stream->since = now_;
    stream->out_bytes += piece.size();
    stream->out.push_back(std::move(piece));
    resume(id, *stream);
}

void Http2Session::finish(StreamId id, const Headers& trailers) {
    Stream* const stream = find(id);
    if (!stream || !stream->goes_on) return;
    if (stream->out.empty()) stream->since = now_;
    stream->goes_on = false;
    stream->deaf = true;
    stream->trailers = list_of(trailers);
    hold(*stream, 0, 0);
    resume(id, *stream);
}

void Http2Session::reset(StreamId id, bool refused) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id,
                              refused ? NGHTTP2_REFUSED_STREAM : NGHTTP2_CANCEL);
}

void Http2Session::resume(StreamId id, Stream& stream) {
    if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_.get(), id);
}

std::size_t Http2Session::unsent(StreamId id) const {
    const auto at = streams_.find(id);
    return at == streams_.end() ? 0 : at->second.out_bytes;
}

void Http2Session::take_in(StreamId id, std::size_t bytes, std::size_t kept) {
    Stream* const stream = find(id);
    if (!stream || stream->deaf) return;
    hold(*stream, stream->pending - std::min(bytes, stream->pending), kept);
    if (bytes > 0) nghttp2_session_consume_stream(session_.get(), id, bytes);
    if (is_full()) refuse(id, 503, "too much is being sent over this connection at a time");
}

std::ptrdiff_t Http2Session::read_answer(StreamId id, std::span<std::uint8_t> space,
                                         std::uint32_t* flags) {
    Stream* const stream = find(id);
    if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    std::size_t count = 0;
    while (count < space.size() && !stream->out.empty()) {
        const Bytes& piece = stream->out.front();
        const std::size_t size = std::min(space.size() - count, piece.size() - stream->out_at);
        std::memcpy(space.data() + count, piece.data() + stream->out_at, size);
        count += size;
        stream->out_at += size;
        if (stream->out_at < piece.size()) continue;
        stream->out.pop_front();
        stream->out_at = 0;
    }
    stream->out_bytes -= count;
    if (count > 0) stream->since = now_;
    if (!stream->out.empty()) return static_cast<std::ptrdiff_t>(count);
    if (stream->goes_on && count == 0) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (stream->goes_on) {
        events_.push_back({Http2Event::Kind::kDrained, id});
        return static_cast<std::ptrdiff_t>(count);
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream->trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const std::vector<nghttp2_nv> views = views_of(stream->trailers);
        nghttp2_submit_trailer(session_.get(), id, views.data(), views.size());
    }
    return static_cast<std::ptrdiff_t>(count);
}

// A request that does not become complete, or an answer of which the client takes nothing.
bool Http2Session::is_late(const Stream& stream) const {
    if (!stream.headed || now_ - stream.since < options_.limits.request_timeout) return false;
    const bool incomplete = !stream.ended && !stream.deaf && !stream.duplex;
    const bool stuck = stream.answered && (!stream.out.empty() || !stream.goes_on);
    return incomplete || stuck;
}

void Http2Session::tick(Duration now) {
    now_ = now;
    const Limits& limits = options_.limits;
    for (auto& [id, stream] : streams_) {
        // The client need not send the rest (RFC 9113 section 8.1), of which its window lets little
        // come. At once would take the answer from clients that do not expect that.
        if (stream.complete && now - stream.since >= kLinger) {
            stream.since = now;
            nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        }
        if (stream.complete || !is_late(stream)) continue;
        stream.since = now;
        reset(id, false);
    }
    const bool stalled = heading_ != 0 && now - heading_since_ >= limits.request_timeout;
    const bool unused = streams_.empty() && now - in_use_ >= limits.idle_timeout;
    if (stalled || unused) {
        nghttp2_session_terminate_session(session_.get(),
                                          stalled ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_NO_ERROR);
    } else if (now - heard_ >= limits.idle_timeout) {
        if (asked_) broken_ = true;
        asked_ = true;
        heard_ = now;
        nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
    }
}

void Http2Session::drain(bool last) {
    if (!last) {
        nghttp2_submit_shutdown_notice(session_.get());
        return;
    }
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                          nullptr, 0);
}

}  // namespace hf::http
