// SPDX-License-Identifier: GPL-2.0-or-later
// The protocol: one JSON object per line in, one per line out.
#pragma once

#include <memory>
#include <string>

#include "profiler/emu/machine.h"

namespace mcunet::emu {

class Session {
 public:
  // Answers one request; never throws. Requests, with optional members in brackets:
  //   {"cmd":"load","elf":PATH,"core":"cortex-m7"|"cortex-m4"[,"memory":[{"origin":N,"size":N},...]]
  //    [,"timing":BOOL, default true][,"caches":{"code":CACHE,"data":CACHE,
  //     "memories":[{"origin":N,"size":N,"first":CYCLES,"line":CYCLES},...]}]}
  //    CACHE is {"size":N,"ways":N,"line":N}; the rest as in memory_timing.h
  //   {"cmd":"run"[,"measure":FUNCTION][,"occurrence":N, from 1][,"max_instructions":N]}
  //   {"cmd":"call","function":NAME or address[,"args":[up to 4 words]][,"max_instructions":N]}
  //   {"cmd":"write","symbol":NAME or "address":N[,"offset":N],"hex":BYTES}
  //   {"cmd":"read","symbol":NAME or "address":N[,"offset":N],"size":N}
  //   {"cmd":"symbol","name":NAME}
  //   {"cmd":"straight","symbol":NAME or "address":N[,"offset":N],"size":N[,"repeat":N]}
  //    answers with the cycles that this code takes, over and over, when no branch leaves it
  //   {"cmd":"quit"}
  // Answers are {"ok":true,...} or {"ok":false,"error":TEXT}.
  std::string answer(const std::string& line);
  // Whether "quit" was asked for.
  bool ended() const { return ended_; }

 private:
  std::unique_ptr<Machine> machine_;
  bool ended_ = false;
};

}  // namespace mcunet::emu
