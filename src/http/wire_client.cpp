#include "http/wire_client.h"

#include <array>

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>

#include "http/dialer.h"
#include "http/reading.h"

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using Parser = beast::http::response_parser<beast::http::vector_body<std::uint8_t>>;
using What = WireAnswer::What;

constexpr std::size_t kInterimAnswersMax = 8;

asio::awaitable<ErrorCode> say_goodbye(Transport& transport) {
    co_await transport.say_goodbye();
    co_return ErrorCode();
}

What what_of(const ErrorCode& error) {
    if (error == beast::error::timeout) return What::kTimedOut;
    const bool of_message =
        error.category() ==
        beast::http::make_error_code(beast::http::error::bad_version).category();
    const bool ended =
        error == beast::http::error::end_of_stream || error == beast::http::error::partial_message;
    return of_message && !ended ? What::kMalformed : What::kClosed;
}

WireAnswer without_answer(const ErrorCode& error) {
    WireAnswer answer;
    answer.what = what_of(error);
    switch (answer.what) {
        case What::kTimedOut: answer.trouble = "no answer in time"; break;
        case What::kMalformed:
            answer.trouble = fmt::format("no HTTP answer: {}", error.message());
            break;
        default:
            answer.trouble = error == beast::http::error::partial_message
                                 ? "the connection closed within the answer"
                                 : "the connection closed without an answer";
    }
    return answer;
}

WireAnswer to_answer(Parser& parser, What what) {
    WireAnswer answer;
    answer.what = what;
    answer.response.status = static_cast<int>(parser.get().result_int());
    answer.minor_version = static_cast<int>(parser.get().version() % 10);
    answer.keeps_open = parser.keep_alive();
    for (const auto& entry : parser.get()) {
        answer.response.headers.add(std::string(entry.name_string()), std::string(entry.value()));
    }
    answer.response.body = std::move(parser.get().body());
    if (what == What::kInterim) answer.trouble = "only an interim answer came";
    return answer;
}

class BeastWireClient final : public WireClient {
public:
    explicit BeastWireClient(ClientOptions options)
        : options_(std::move(options)), dialer_(options_) {}

    Status prepare() { return dialer_.prepare(); }

    Result<std::vector<WireAnswer>> exchange(const std::string& origin,
                                             std::span<const WireTurn> turns,
                                             const std::function<Status()>& pulse) override {
        dialer_.follow(pulse);
        const Url url = HF_TRY(parse_url(origin));
        std::vector<WireAnswer> answers;
        std::unique_ptr<Link> link;
        bool answered = false;
        for (const WireTurn& turn : turns) {
            if (turn.unless_answered && answered) {
                answers.emplace_back();
                continue;
            }
            if (!link || turn.fresh) {
                link.reset();
                Result<std::unique_ptr<Link>> made = dialer_.connect(url, url.origin());
                if (!made.ok()) return dialer_.stopped().ok() ? made.status() : dialer_.stopped();
                link = std::move(*made);
            }
            answers.push_back(take_turn(*link, turn));
            if (!dialer_.stopped().ok()) return dialer_.stopped();
            answered = answers.back().answered();
        }
        return answers;
    }

private:
    WireAnswer take_turn(Link& link, const WireTurn& turn) {
        // A server may answer before it has read everything: what it says counts.
        const ErrorCode unsent = send(link, turn);
        WireAnswer answer = read(link, turn);
        if (unsent && !answer.answered() && answer.what != What::kInterim) {
            return without_answer(unsent);
        }
        return answer;
    }

    ErrorCode send(Link& link, const WireTurn& turn) {
        link.transport.expires_after(options_.read_timeout);
        ErrorCode error;
        if (!turn.bytes.empty()) {
            std::array<asio::const_buffer, 1> buffers{asio::buffer(turn.bytes)};
            error = dialer_.wait(link.transport, link.transport.write(buffers));
        }
        if (!error && turn.ends) error = dialer_.wait(link.transport, say_goodbye(link.transport));
        return error;
    }

    WireAnswer read(Link& link, const WireTurn& turn) {
        for (std::size_t interim = 0; interim <= kInterimAnswersMax; ++interim) {
            Parser parser;
            parser.header_limit(kAnswerHeaderBytesMax);
            parser.body_limit(options_.body_bytes_max);
            parser.skip(turn.for_head);
            link.transport.expires_after(options_.read_timeout);
            ErrorCode error =
                dialer_.wait(link.transport, read_header(link.transport, link.buffer, parser));
            if (error) return without_answer(error);
            if (parser.get().result_int() < 200) {
                if (turn.takes_interim) return to_answer(parser, What::kInterim);
                continue;
            }
            parser.eager(true);
            while (!error && !parser.is_done()) {
                error =
                    dialer_.wait(link.transport, read_some(link.transport, link.buffer, parser));
            }
            return error ? without_answer(error) : to_answer(parser, What::kAnswered);
        }
        WireAnswer answer;
        answer.what = What::kMalformed;
        answer.trouble = fmt::format("more than {} interim answers", kInterimAnswersMax);
        return answer;
    }

    const ClientOptions options_;
    Dialer dialer_;
};

}  // namespace

Result<std::unique_ptr<WireClient>> WireClient::create(ClientOptions options) {
    auto client = std::make_unique<BeastWireClient>(std::move(options));
    HF_TRY(client->prepare());
    return client;
}

}  // namespace hf::http
