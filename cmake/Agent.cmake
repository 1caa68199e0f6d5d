# holdfast-agent: what a device needs and nothing else. It links with no module of the control plane and with the few
# sources of the command line that it uses, so that a dependency on more does not link, and is not merely left out.

set(hf_agent_sources app/agent_main.cpp app/real_world.cpp cli/arguments.cpp cli/commands/version.cpp
    cli/data_folder.cpp cli/listen.cpp cli/up/agent_host.cpp cli/up/node_host.cpp cli/up/run_agent.cpp
    cli/up/serving_host.cpp cli/up/telling.cpp)
list(TRANSFORM hf_agent_sources PREPEND ${CMAKE_SOURCE_DIR}/src/)
add_executable(holdfast-agent ${hf_agent_sources})
target_link_libraries(holdfast-agent PRIVATE hf_posix hf_serve hf_node hf_foreign_cli11)
target_link_options(holdfast-agent PRIVATE -Wl,--as-needed)  # it speaks no HTTP/2

# As it is shipped. What compiles models, and the reference device, which is the largest part of the runtime and the one
# for which speed was never the aim, are compiled once more, for size, and take the place of those in the archive. Kernels
# and the steps of plans stay as they are.
if(HF_STATIC_LIBRARIES)
    file(GLOB_RECURSE hf_agent_cold CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/runtime/ref/*.cpp
         ${CMAKE_SOURCE_DIR}/src/runtime/cpu/ops/*.cpp ${CMAKE_SOURCE_DIR}/src/runtime/split/*.cpp)
    list(FILTER hf_agent_cold EXCLUDE REGEX "_test\\.cpp$")
    target_sources(holdfast-agent PRIVATE ${hf_agent_cold})
    target_compile_options(holdfast-agent PRIVATE -Os -Wno-error)
endif()
