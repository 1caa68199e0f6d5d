#include "http/http2_client.h"

#include <poll.h>

#include <array>
#include <list>

#include "base/text.h"
#include "http/dialer.h"
#include "http/framing.h"
#include "http/http2_question.h"

namespace hf::http {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kKeptMax = 8;

struct Wire {
    std::unique_ptr<Link> link;
    Http2Question question = {};
    bool deaf = false;  // the server takes nothing more
};
using WirePtr = std::unique_ptr<Wire>;

HeaderList head_of(const ClientRequest& request, const Url& url) {
    HeaderList list{{":method", request.method},
                    {":scheme", url.tls ? "https" : "http"},
                    {":authority", url.authority()},
                    {":path", url.target}};
    for (const auto& [name, value] : request.headers.all()) {
        list.emplace_back(to_lower(name), trim(value));
    }
    if (!request.headers.get("User-Agent")) list.emplace_back("user-agent", "holdfast");
    if (!request.body.empty()) {
        list.emplace_back("content-length", fmt::format("{}", request.body.size()));
    }
    return list;
}

// One request as it goes out, and what is told of its errors.
struct Asked {
    const ClientRequest& request;
    Url url;
    HeaderList head;
    std::string name;
};

Result<Asked> prepare(const ClientRequest& request) {
    if (!is_header_name(request.method)) {
        return invalid_argument("'{}' is not an HTTP method", request.method);
    }
    if (request.source) return unimplemented("bodies from a source are not sent over HTTP/2");
    HF_TRY(check_headers(request.headers));
    Url url = HF_TRY(parse_url(request.url));
    HeaderList head = head_of(request, url);
    std::string name = fmt::format("{} {}{}", request.method, url.origin(),
                                   url.target.substr(0, url.target.find('?')));
    return Asked{request, std::move(url), std::move(head), std::move(name)};
}

class Nghttp2Client final : public Client {
public:
    explicit Nghttp2Client(ClientOptions options)
        : options_(std::move(options)), dialer_(options_, true) {}

    Status prepare_tls() { return dialer_.prepare(); }

    Result<Response> send(const ClientRequest& request) override {
        const Asked asked = HF_TRY(prepare(request));
        dialer_.follow(request.pulse);
        Result<Response> response = exchange(asked);
        return dialer_.stopped().ok() ? std::move(response) : dialer_.stopped();
    }

private:
    Result<Response> exchange(const Asked& asked) {
        WirePtr wire = take_kept(asked.url);
        if (!wire) wire = HF_TRY(connect(asked));
        Result<Response> response = transact(*wire, asked);
        if (!response.ok() && wire->question.is_refused() && dialer_.stopped().ok()) {
            wire = HF_TRY(connect(asked));
            response = transact(*wire, asked);
        }
        if (response.ok() && !wire->deaf && wire->question.is_free()) keep(std::move(wire));
        return response;
    }

    Result<WirePtr> connect(const Asked& asked) {
        auto wire = std::make_unique<Wire>();
        wire->link = HF_TRY(dialer_.connect(asked.url, asked.name));
        return wire;
    }

    // A kept connection that has not ended. What else has come meanwhile is read with the answer.
    WirePtr take_kept(const Url& url) {
        for (auto at = kept_.begin(); at != kept_.end(); ++at) {
            if ((*at)->link->origin != url.origin()) continue;
            WirePtr wire = std::move(*at);
            kept_.erase(at);
            // Tells of the end also where unread bytes stand before it.
            pollfd peer{wire->link->transport.socket().native_handle(), POLLRDHUP, 0};
            return ::poll(&peer, 1, 0) == 0 ? std::move(wire) : nullptr;
        }
        return nullptr;
    }

    void keep(WirePtr wire) {
        kept_.push_front(std::move(wire));
        if (kept_.size() > kKeptMax) kept_.pop_back();
    }

    Result<Response> transact(Wire& wire, const Asked& asked) {
        Http2Question& question = wire.question;
        question.ask(asked.head, asked.request.body);
        if (asked.request.sent) *asked.request.sent = true;
        Bytes body;
        Status unsent;
        while (!question.is_over()) {
            // A server that refuses a request may answer before it has read it all.
            if (unsent.ok()) unsent = write_all(wire, asked);
            const Status unread = question.is_over() ? Status() : read_some(wire, asked);
            if (!unread.ok()) return unsent.ok() ? unread : unsent;
            HF_TRY(hand_over(question, asked, body).context("{}", asked.name));
        }
        if (question.is_refused() && asked.request.sent) *asked.request.sent = false;
        HF_TRY(question.trouble().context("{}", asked.name));
        wire.deaf = !unsent.ok() || !write_all(wire, asked).ok();
        Response response = std::move(question.answer());
        response.body = std::move(body);
        return response;
    }

    Status write_all(Wire& wire, const Asked& asked) {
        Transport& transport = wire.link->transport;
        for (;;) {
            const Bytes output = wire.question.take_output();
            if (output.empty()) return {};
            transport.expires_after(options_.read_timeout);
            std::array<asio::const_buffer, 1> buffers{asio::buffer(output)};
            const ErrorCode error = dialer_.wait(transport, transport.write(buffers));
            if (error) return failure(error, asked.name);
        }
    }

    Status read_some(Wire& wire, const Asked& asked) {
        Transport& transport = wire.link->transport;
        transport.expires_after(options_.read_timeout);
        std::size_t count = 0;
        const ErrorCode error = dialer_.wait(transport, read_into_piece(transport, count));
        if (error == asio::error::eof) {
            return unavailable("{}: the server closed the connection early", asked.name);
        }
        if (error) return failure(error, asked.name);
        wire.question.receive(ByteView(piece_).first(count));
        return {};
    }

    asio::awaitable<ErrorCode> read_into_piece(Transport& transport, std::size_t& count) {
        const asio::mutable_buffer space(piece_.data(), piece_.size());
        const IoResult read = co_await transport.read_some(space);
        count = read.bytes;
        co_return read.error;
    }

    Status hand_over(Http2Question& question, const Asked& asked, Bytes& body) const {
        const Bytes came = question.take_body();
        if (came.empty()) return {};
        if (asked.request.sink && question.answer().status < 300) return asked.request.sink(came);
        if (body.size() + came.size() > options_.body_bytes_max) {
            return resource_exhausted("the answer's body exceeds the limit of {} bytes",
                                      options_.body_bytes_max);
        }
        body.insert(body.end(), came.begin(), came.end());
        return {};
    }

    const ClientOptions options_;
    Dialer dialer_;
    Bytes piece_ = Bytes(kAnswerPieceBytes);
    std::list<WirePtr> kept_;  // the one used last comes first
};

}  // namespace

Result<std::unique_ptr<Client>> create_http2_client(ClientOptions options) {
    auto client = std::make_unique<Nghttp2Client>(std::move(options));
    HF_TRY(client->prepare_tls());
    return client;
}

}  // namespace hf::http
