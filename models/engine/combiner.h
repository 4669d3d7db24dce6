// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <vector>

namespace daetalker {

// Requests of several threads, done in batches without waiting for one: whoever
// comes while nothing runs goes at once, alone; those who come meanwhile are
// done together next.
//
// Request needs `bool fits (const Request &other) const`: whether both may be in
// one batch; and `bool unwanted () const`: whether nobody waits for it any more.
template <typename Request> class Combiner {
public:
  explicit Combiner (std::size_t max_batch) : max_batch_ (max_batch) {}

  // Returns true when `request` is done, false if it became unwanted before its turn
  // came.  `work (std::vector<Request *> &batch)` runs on one of the waiting threads;
  // what it throws reaches every request of its batch.
  template <typename Work> bool run (Request &request, Work &&work)
  {
    Entry entry{&request, false, nullptr};
    std::unique_lock lock (mutex_);
    queue_.push_back (&entry);
    while (!entry.done) {
      // Whose turn it is: another's work could not be left when this one is unwanted.
      if (!busy_ && queue_.front () == &entry)
        do_batch (lock, work);
      else if (request.unwanted () && leave (&entry))
        return false;
      else
        changed_.wait_for (lock, std::chrono::milliseconds (20)); // to ask again
    }
    if (entry.error)
      std::rethrow_exception (entry.error);
    return true;
  }

private:
  struct Entry {
    Request *request;
    bool done;
    std::exception_ptr error;
  };

  // False if it is under way.
  bool leave (Entry *entry)
  {
    const auto place = std::find (queue_.begin (), queue_.end (), entry);
    if (place == queue_.end ())
      return false;
    queue_.erase (place);
    changed_.notify_all (); // it may be another's turn
    return true;
  }

  template <typename Work> void do_batch (std::unique_lock<std::mutex> &lock, Work &work)
  {
    std::vector<Entry *> entries;
    std::vector<Request *> batch;
    for (auto i = queue_.begin (); i != queue_.end () && batch.size () < max_batch_;) {
      if (batch.empty () || batch.front ()->fits (*(*i)->request)) {
        entries.push_back (*i);
        batch.push_back ((*i)->request);
        i = queue_.erase (i);
      } else {
        ++i;
      }
    }
    busy_ = true;
    lock.unlock ();
    std::exception_ptr error;
    try {
      work (batch);
    } catch (...) {
      error = std::current_exception ();
    }
    lock.lock ();
    busy_ = false;
    for (Entry *entry : entries) {
      entry->done = true;
      entry->error = error;
    }
    changed_.notify_all ();
  }

  const std::size_t max_batch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry *> queue_;
  bool busy_ = false;
};

} // namespace daetalker
