#include "cli/commands.h"

namespace hf::cli {

const std::vector<Command>& all_commands() {
    static const std::vector<Command> commands{
        apply_command(),  get_command(),    describe_command(),       wait_command(),
        delete_command(), infer_command(),  inspect_command(),        run_command(),
        bench_command(),  serve_command(),  conform_onnx_command(),   keygen_command(),
        sign_command(),   verify_command(), receipt_verify_command(), version_command(),
    };
    return commands;
}

}  // namespace hf::cli
