// A plug-in's table is checked before it is believed. The rest of a plug-in's behaviour is tested
// on real libraries, by tests/device_plugin.sh.

#include "runtime/plugin/library.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "runtime/plugin/backend.h"
#include "runtime/plugin/describe.h"

namespace hf::runtime {
namespace {

int opened = 0, closed = 0;

hf_device_api good_api() {
    hf_device_api api{};
    api.struct_bytes = sizeof api;
    api.abi_version = HF_DEVICE_ABI_VERSION;
    api.name = "fake";
    api.version = "0";
    api.open = [](hf_device** device, hf_device_message*) -> int {
        *device = reinterpret_cast<hf_device*>(&opened);
        ++opened;
        return HF_DEVICE_OK;
    };
    api.close = [](hf_device*) { ++closed; };
    api.supports = [](hf_device*, const hf_device_graph*, std::size_t, hf_device_message*) -> int {
        return HF_DEVICE_OK;
    };
    api.compile = [](hf_device*, const hf_device_graph*, hf_device_program**,
                     hf_device_message*) -> int { return HF_DEVICE_OK; };
    api.release_program = [](hf_device_program*) {};
    api.output_type = [](const hf_device_program*, std::size_t, hf_device_type*,
                         hf_device_message*) -> int { return HF_DEVICE_OK; };
    api.new_session = [](hf_device_program*, hf_device_session**, hf_device_message*) -> int {
        return HF_DEVICE_OK;
    };
    api.release_session = [](hf_device_session*) {};
    api.run = [](hf_device_session*, const hf_device_buffers*, hf_device_message*) -> int {
        return HF_DEVICE_OK;
    };
    return api;
}

std::string refusal(const hf_device_api& api) {
    return std::string(Plugin::create(&api, "x.so").status().message());
}

TEST(Plugin, OpensAndClosesOnce) {
    const int opened_before = opened, closed_before = closed;
    {
        const hf_device_api api = good_api();
        const auto plugin = Plugin::create(&api, "x.so");
        ASSERT_TRUE(plugin.ok()) << plugin.status().to_string();
        EXPECT_EQ((*plugin)->name(), "fake");
    }
    EXPECT_EQ(opened - opened_before, 1);
    EXPECT_EQ(closed - closed_before, 1);
}

TEST(Plugin, ATableThatIsLargerIsOfALaterRelease) {
    hf_device_api api = good_api();
    api.struct_bytes += 64;
    EXPECT_EQ(refusal(api), "");
}

TEST(Plugin, ABrokenTableIsRefusedInWords) {
    EXPECT_EQ(Plugin::create(nullptr, "x.so").status().message(),
              "device plug-in x.so has no version 1 of the device ABI");
    hf_device_api api = good_api();
    api.struct_bytes = 16;
    EXPECT_EQ(refusal(api), fmt::format("device plug-in x.so: its table has 16 bytes; version 1 "
                                        "has {}",
                                        sizeof api));
    api = good_api();
    api.abi_version = 2;
    EXPECT_EQ(refusal(api),
              "device plug-in x.so: it speaks version 2 of the device ABI, Holdfast version 1");
    api = good_api();
    api.run = nullptr;
    EXPECT_EQ(refusal(api), "device plug-in x.so: its function 'run' is NULL");
    for (const char* name : {"", "Upper", "a b", "a\nb", "a-name-of-thirty-two-characters-"}) {
        api = good_api();
        api.name = name;
        EXPECT_NE(refusal(api).find("its name is not 1 to 31 characters"), std::string::npos)
            << name;
    }
}

TEST(Plugin, ItsTextIsCutAndCleaned) {
    hf_device_message why;
    std::fill(std::begin(why.text), std::end(why.text), 'x');
    EXPECT_EQ(Plugin::to_status(HF_DEVICE_FAILED, why, "run").message().size(),
              std::string("run failed: ").size() + HF_DEVICE_MESSAGE_BYTES);
    why = {};
    EXPECT_EQ(Plugin::to_status(HF_DEVICE_UNSUPPORTED, why, "supports").message(),
              "no reason given");
    std::copy_n("two\nlines\x1b", 11, why.text);
    EXPECT_EQ(Plugin::to_status(HF_DEVICE_UNSUPPORTED, why, "supports").message(), "two lines ");
    EXPECT_EQ(Plugin::to_status(-7, {}, "run").message(),
              "run answered -7, which is no code: no reason given");
}

TEST(Plugin, AFileThatIsNoPluginIsRefused) {
    EXPECT_EQ(Plugin::open("/none/libnone.so").status().code(), Code::kNotFound);
    const Status status = Plugin::open("libz.so.1").status();
    EXPECT_EQ(status.message(), "libz.so.1 is no device plug-in: it has no hf_device_get_api");
}

TEST(Description, HasAllThatANodeSays) {
    const auto graph = graph::parse(
        "graph \"g\" {\n input %x: f32[2x3]\n input %open: f32[?]\n const %c: i64[2] = {3, 2}\n"
        " %y = Reshape(%x, %c) @14 \"r\" {allowzero = 1}\n"
        " %z, _ = Odd(%y, _) {floats = [1.5, 2.5], ints = [1, 2, 3], one = 0.5, text = \"hi\", "
        "texts = [\"a\", \"bc\"], value = tensor u8[2] = {7, 8}}\n output %z\n}\n");
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    const Description description(*graph);
    const hf_device_graph& told = description.graph();
    ASSERT_EQ(told.node_count, 2u);
    const hf_device_node& reshape = told.nodes[0];
    EXPECT_STREQ(reshape.op, "Reshape");
    EXPECT_STREQ(reshape.name, "r");
    EXPECT_EQ(reshape.opset, 14);
    const hf_device_value& c = told.values[reshape.inputs[1]];
    EXPECT_STREQ(c.name, "c");
    EXPECT_EQ(c.size_bytes, 16u);
    EXPECT_EQ(static_cast<const std::int64_t*>(c.constant)[0], 3);
    EXPECT_EQ(type_text(told.values[told.inputs[0]].type), "f32[2x3]");
    EXPECT_EQ(told.values[told.inputs[1]].type.dtype, std::uint32_t{HF_DEVICE_UNKNOWN});
    const hf_device_node& odd = told.nodes[1];
    EXPECT_EQ(odd.inputs[1], HF_DEVICE_NO_VALUE);
    EXPECT_EQ(odd.outputs[1], HF_DEVICE_NO_VALUE);
    ASSERT_EQ(odd.attribute_count, 6u);
    EXPECT_EQ(odd.attributes[0].floats[1], 2.5f);
    EXPECT_EQ(odd.attributes[1].ints[2], 3);
    EXPECT_EQ(odd.attributes[2].floats[0], 0.5f);
    EXPECT_EQ(std::string(odd.attributes[3].strings[0].data, odd.attributes[3].strings[0].size),
              "hi");
    EXPECT_EQ(odd.attributes[4].strings[1].size, 2u);
    EXPECT_EQ(static_cast<const std::uint8_t*>(odd.attributes[5].tensor->constant)[1], 8);
}

}  // namespace
}  // namespace hf::runtime
