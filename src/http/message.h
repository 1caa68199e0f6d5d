// HTTP requests and responses as values; no library type shows.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::http {

class Observation;  // observation.h

// In order of arrival; names compare without regard to ASCII case.
class Headers final {
public:
    void add(std::string name, std::string value);
    void set(std::string name, std::string value);  // replaces all of that name
    void remove(std::string_view name);             // all of that name

    // The first value of that name, or nullopt.
    std::optional<std::string_view> get(std::string_view name) const;

    const std::vector<std::pair<std::string, std::string>>& all() const { return entries_; }

private:
    std::vector<std::pair<std::string, std::string>> entries_;
};

struct Request {
    std::string method;  // upper case
    std::string target;  // as sent: path and query
    std::string path;    // percent-decoded, normalised; always starts with "/"
    std::vector<std::pair<std::string, std::string>> query;            // decoded, in order
    std::vector<std::pair<std::string, std::string>> path_parameters;  // by the route's pattern
    Headers headers;
    Bytes body;
    unsigned version = 1;     // the major version of HTTP
    std::string peer;         // "127.0.0.1:50123"
    std::string tls_version;  // "TLSv1.3"; empty without TLS
    std::string client_name;  // of a verified client certificate; empty without one

    // The rest that a verified client certificate says; as here without one. Whoever goes by it
    // looks at the time too: a connection may outlive the certificate.
    std::vector<std::string> client_uris;  // its URI alternative names
    std::string client_serial;             // in hex
    Digest client_key;  // SHA-256 of its key: SubjectPublicKeyInfo in PEM, as OpenSSL writes it
    Instant client_not_after;
    bool client_is_authority = false;  // it might sign others

    // From when its header was there until a handler got it.
    Duration waited{};

    // Answered on the event loop, where everybody waits meanwhile (ServerOptions::quick).
    bool quick = false;

    // Becomes true when nobody waits for the answer any more, at once over HTTP/2, within 50 ms
    // over HTTP/1.1. Null: nobody will know.
    std::shared_ptr<const std::atomic<bool>> given_up;
    bool is_given_up() const { return given_up && *given_up; }

    // Null: nobody accounts for it.
    std::shared_ptr<Observation> observation;

    std::optional<std::string_view> query_value(std::string_view name) const;

    // The part of the path that matched `{name}` in the route. Empty when the route has no such
    // part.
    std::string_view path_parameter(std::string_view name) const;
};

// A body that comes to be over time, sent as it does: watches, event streams, large files. In
// HTTP/1.1 chunks, or as it is when the response has a Content-Length, which the pieces must then
// add up to. The server calls start() once and next() from its event loop, so neither may block,
// and destroys the stream as soon as it ended or the client went away.
class BodyStream {
public:
    virtual ~BodyStream() = default;

    // `wake` may be called from any thread, any number of times, also after this object is gone.
    virtual void start(std::function<void()> wake) = 0;

    // What there is now. Empty: nothing yet, call again after wake(). nullopt: the end.
    virtual std::optional<Bytes> next() = 0;
};

struct Response {
    int status = 200;
    Headers headers;
    Bytes body;
    std::shared_ptr<BodyStream> stream;  // when set, it is sent instead of `body`
    Headers trailers;                    // sent after it; by HTTP/2, and by nothing else

    static Response text(int status, std::string_view body);
    static Response json(int status, std::string_view body);

    // {"error": message}; from a Status with the HTTP status of its code.
    static Response error(int status, std::string_view message);
    static Response error(const Status& status);
};

// The HTTP status that a Code answers with: INVALID_ARGUMENT 400, UNAUTHENTICATED 401,
// PERMISSION_DENIED 403, NOT_FOUND 404, ALREADY_EXISTS and ABORTED 409, FAILED_PRECONDITION 412,
// OUT_OF_RANGE 410, RESOURCE_EXHAUSTED 429, CANCELLED 499, UNIMPLEMENTED 501, UNAVAILABLE 503,
// DEADLINE_EXCEEDED 504, else 500.
int http_status(Code code);

}  // namespace hf::http
