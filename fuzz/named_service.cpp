// The body of a request that names its service: of what the parser takes, the gateway reads what
// the parser does.

#include "serve/gateway/named_service.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = hf::as_text({data, size});
    const hf::Result<std::string> name = hf::serve::gateway::named_service(text);
    const auto value = hf::json::parse(text);
    if (!value.ok() || !value->is_object()) return 0;
    const hf::json::Value* const model = hf::json::find(*value, "model");
    const bool named = model && model->is_string();
    HF_CHECK(named || !name.ok());
    if (name.ok()) HF_CHECK(*name == hf::json::as_view(model->get_string()));
    return 0;
}
