#include "cli/commands.h"

namespace hf::cli {

const std::vector<Command>& all_commands() {
    static const std::vector<Command> commands{
        // One a line, in the order of the help text.
        // clang-format off
        up_command(),
        server_command(),
        agent_command(),
        token_create_command(),
        token_list_command(),
        token_revoke_command(),
        node_list_command(),
        node_revoke_command(),
        node_allow_command(),
        apply_command(),
        get_command(),
        describe_command(),
        explain_command(),
        label_command(),
        wait_command(),
        delete_command(),
        infer_command(),
        inspect_command(),
        compile_command(),
        quantize_command(),
        run_command(),
        bench_command(),
        profile_command(),
        serve_command(),
        top_command(),
        stream_command(),
        score_command(),
        fit_anomaly_command(),
        guard_fit_command(),
        simulate_machine_command(),
        conform_onnx_command(),
        conform_oip_command(),
        scan_command(),
        push_command(),
        pull_command(),
        registry_command(),
        store_migrate_command(),
        vault_list_command(),
        vault_check_command(),
        vault_gc_command(),
        delta_make_command(),
        delta_apply_command(),
        delta_show_command(),
        keygen_command(),
        sign_command(),
        verify_command(),
        receipt_get_command(),
        receipt_verify_command(),
        tuf_command(),
        version_command(),
        // clang-format on
    };
    return commands;
}

}  // namespace hf::cli
