// The headers of a trace, a line each: what is read is written so that it is read as the same. And
// what the access log makes of any bytes: JSON in ASCII.

#include "http/trace_context.h"
#include "base/json.h"
#include "base/text.h"
#include "serve/seen/log_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = hf::as_text({data, size});
    const std::size_t end = std::min(text.find('\n'), text.size());
    hf::http::Headers headers;
    headers.add("traceparent", std::string(text.substr(0, end)));
    for (const std::string_view state : hf::split(text.substr(end), '\n')) {
        headers.add("tracestate", std::string(state));
    }
    if (const auto context = hf::http::trace_context_of(headers)) {
        hf::http::set_trace_context(headers, *context);
        HF_CHECK(hf::http::trace_context_of(headers) == context);
    }
    const std::string quoted = hf::serve::seen::quote(text);
    for (const char c : quoted) HF_CHECK(c >= 0x20 && c < 0x7f);
    const hf::Result<hf::json::Value> back = hf::json::parse(quoted);
    HF_CHECK(back.ok() && back->is_string());
    if (size <= hf::serve::seen::kLogTextMax && hf::is_utf8(text)) {
        HF_CHECK(hf::json::as_view(back->get_string()) == text);
    }
    return 0;
}
