// Builds the real world and hands it to the command line. Nothing else.

#include "app/real_world.h"

int main(int argc, char** argv) {
    return hf::app::run_in_real_world(hf::app::command_line(argc, argv, "holdfast"),
                                      hf::cli::all_commands());
}
