// The tests' own names stand apart: a program that links the product and two types of one name would be undefined.
#pragma once

namespace paddler {}

namespace paddler_test {
using namespace paddler;
}
