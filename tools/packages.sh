# Debian 12 packages by name; `./dev setup` installs what is missing of them.

# What a build of the program needs.
HF_BUILD_PACKAGES=(
    g++ cmake ninja-build pkg-config ccache git ca-certificates python3
    libboost1.81-dev libboost-json1.81-dev libssl-dev libcli11-dev libfmt-dev libprotozero-dev
    libsqlite3-dev libhwy-dev libdnnl-dev zlib1g-dev libzstd-dev libyaml-cpp-dev libnghttp2-dev
    libjpeg62-turbo-dev libpng-dev libsndfile1-dev libutf8proc-dev
    libgtest-dev
)

# What tests and checks need besides.
HF_TEST_PACKAGES=(
    clang-14 clang-format-14 curl jq openssl libonnx-testdata prometheus python3-venv
    docker-registry skopeo etcd-server python3-numpy python3-pil slowhttptest alsa-utils
)

# What `./dev test arm` needs.
HF_ARM_PACKAGES=(g++-aarch64-linux-gnu qemu-user)

# What `./dev fuzz` needs.
HF_FUZZ_PACKAGES=(clang-14 libclang-rt-14-dev)
