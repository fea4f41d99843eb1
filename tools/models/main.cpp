// paddler-make-model: writes the models that Paddler's tests, benches and demo use. See README.md.
#include "models/commands.hpp"

int main(int argc, char** argv) { return paddler::make_model(argc, argv); }
