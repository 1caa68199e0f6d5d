#include "base/text.h"
#include "cli/commands.h"
#include "http/client.h"
#include "trust/receipt.h"

namespace hf::cli {
namespace {

Status run(World& world, const Arguments& arguments) {
    std::string server = arguments.get("server");
    if (server.ends_with('/')) server.pop_back();
    const std::string id = arguments.get("ID");
    http::ClientOptions options;
    options.body_bytes_max = trust::kMaxReceiptFileBytes;
    const std::unique_ptr<http::Client> client = HF_TRY(http::Client::create(std::move(options)));
    http::ClientRequest request;
    request.url = fmt::format("{}/v2/receipts/{}", server, id);
    const http::Response response = HF_TRY(client->send(request));
    const std::string_view body = as_text(response.body);
    if (response.status != 200) {
        return not_found("{} answered {}: {}", request.url, response.status, trim(body));
    }
    const std::string output = arguments.get("output");
    if (output.empty()) {
        world.out(body);
        return {};
    }
    HF_TRY(world.files.write(output, response.body));
    world.note(fmt::format("wrote {}\n", output));
    return {};
}

}  // namespace

Command receipt_get_command() {
    return {"receipt get",
            "Fetches a prediction's receipt with its proof; `receipt verify` checks it",
            {{"ID", "what the answer's header holdfast-receipt said"}},
            {{"--server", "who answered", "URL", "http://127.0.0.1:8080"},
             {"-o,--output", "where it goes; standard output unless given", "FILE"}},
            {"holdfast receipt get 42-0123456789abcdef -o receipt.json"},
            run};
}

}  // namespace hf::cli
