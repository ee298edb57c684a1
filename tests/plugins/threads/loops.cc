// Three threads that each run loops of every length on one pool: every index comes once, and what a body wrote is there
// when its loop is over.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "cpu/threads.h"

namespace {

bool run_loops(unsigned random, int loops) {
  for (int loop = 0; loop < loops; ++loop) {
    random = random * 1103515245 + 12345;
    const int count = random >> 8 & 31;
    patchskip::set_threads(1 + (random >> 16) % 5);
    std::vector<int> runs(count, 0);
    auto body = [&](int i) { ++runs[i]; };
    patchskip::parallel_for(count, body);
    for (int i = 0; i < count; ++i) {
      if (runs[i] == 1) continue;
      std::printf("loop %d of %d: index %d came %d times\n", loop, count, i, runs[i]);
      return false;
    }
    const bool long_enough_to_sleep = (random >> 5) % 400 == 0;
    if (long_enough_to_sleep) std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return true;
}

}  // namespace

int main(int, char** argv) {
  std::vector<std::thread> callers;
  std::vector<int> passed(3, 0);
  for (int i = 0; i < 3; ++i) callers.emplace_back([&, i] { passed[i] = run_loops(7 + i, std::atoi(argv[1])); });
  for (std::thread& caller : callers) caller.join();
  return passed[0] && passed[1] && passed[2] ? 0 : 1;
}
