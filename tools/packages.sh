# Debian 12 packages by name; `./dev setup` installs what is missing of them.

# What a build of the program needs.
HF_BUILD_PACKAGES=(
    g++ cmake ninja-build ccache git ca-certificates python3
    libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
    libssl-dev libsqlite3-dev zlib1g-dev libyaml-cpp-dev libcli11-dev libfmt-dev libspdlog-dev
    libprotozero-dev libhwy-dev libdnnl-dev libdnnl2 libgtest-dev
)

# What tests, checks and examples need besides.
HF_TEST_PACKAGES=(
    clang-format-14 curl jq openssl procps
    libonnx-testdata docker-registry skopeo prometheus python3-venv python3-numpy
)
