#include <algorithm>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/model_file.h"
#include "cli/tensor_file.h"
#include "tensor/json.h"

namespace hf::cli {
namespace {

Status run(World& world, const Arguments& arguments) {
    // One run does not earn back what starting oneDNN costs.
    const LoadedModel loaded =
        HF_TRY(load_model(world, arguments.get("FILE"), arguments, runtime::PlanKernels::kOwn));
    const runtime::Signature& signature = loaded.model->signature();
    const std::vector<Tensor> inputs =
        HF_TRY(read_inputs(world, signature, arguments.all("input"), ""));
    const std::unique_ptr<runtime::Session> session = HF_TRY(loaded.model->new_session());
    session->use(HF_TRY(make_crew(world, arguments)));
    const std::vector<Tensor> outputs = HF_TRY(session->run(inputs));
    const std::string folder = arguments.get("output");
    if (!folder.empty()) HF_TRY(world.files.create_directories(folder));
    json::Array shown;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const std::string& name = signature.outputs[i].name;
        const Tensor& tensor = outputs[i];
        json::Object row{{"name", name},
                         {"dtype", std::string(dtype_name(tensor.dtype()))},
                         {"shape", tensor.shape().to_string()}};
        if (!folder.empty()) {
            row["file"] = HF_TRY(write_output(world, folder, name, tensor));
        } else if (arguments.flag("json")) {
            row["data"] = HF_TRY(tensor_to_json(tensor));
        }
        if (!arguments.flag("json")) {
            world.out(fmt::format("{} {}[{}] {}\n", name, dtype_name(tensor.dtype()),
                                  tensor.shape().to_string(), HF_TRY(preview(tensor))));
        }
        shown.push_back(std::move(row));
    }
    if (arguments.flag("json")) world.out(json::write(json::Object{{"outputs", shown}}) + "\n");
    return {};
}

}  // namespace

Command run_command() {
    std::vector<Option> options{
        {"-i,--input", "one a model input: FILE.npy, FILE.json, random or zeros", "NAME=SOURCE", "",
         true},
        {"-o,--output", "write each output as NAME.npy into this folder", "DIR"},
        threads_option()};
    for (Option& option : device_options()) options.push_back(std::move(option));
    options.push_back({"--json", "outputs as JSON", ""});
    return {"run",
            "Runs a model once",
            {{"FILE", "an ONNX or TFLite model, or a plan"}},
            std::move(options),
            {"holdfast run model.onnx --input x=random",
             "holdfast run model.onnx --input image=cat.npy --output out/",
             "holdfast run model.onnx --input x=random --device onnxruntime"},
            run};
}

}  // namespace hf::cli
