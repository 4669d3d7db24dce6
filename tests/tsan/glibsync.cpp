// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Tells ThreadSanitizer what GLib's and GStreamer's own synchronisation orders.
// GLib's locks are futexes, which ThreadSanitizer does not see in libraries that
// were built without it: without this every access under GST_OBJECT_LOCK looks like
// a race.  Preloaded by tests/sanitize; it only adds happens-before edges, each
// where the original function has one.
#include <dlfcn.h>
#include <gst/gst.h>

extern "C" {
void __tsan_acquire (void *address);
void __tsan_release (void *address);
}

#define EXPORT extern "C" __attribute__ ((visibility ("default")))

namespace {

template <typename Function>
Function
next (Function &cached, const char *name)
{
  if (cached == nullptr)
    cached = (Function)dlsym (RTLD_NEXT, name);
  return cached;
}

} // namespace

#define NEXT(name)                                                                       \
  ([] {                                                                                  \
    static decltype (&name) cached;                                                      \
    return next (cached, #name);                                                         \
  }())

// ---- locks -------------------------------------------------------------------------

#define LOCKS(type, prefix)                                                              \
  EXPORT void prefix##_lock (type *lock)                                                 \
  {                                                                                      \
    NEXT (prefix##_lock) (lock);                                                         \
    __tsan_acquire (lock);                                                               \
  }                                                                                      \
  EXPORT gboolean prefix##_trylock (type *lock)                                          \
  {                                                                                      \
    const gboolean locked = NEXT (prefix##_trylock) (lock);                              \
    if (locked)                                                                          \
      __tsan_acquire (lock);                                                             \
    return locked;                                                                       \
  }                                                                                      \
  EXPORT void prefix##_unlock (type *lock)                                               \
  {                                                                                      \
    __tsan_release (lock);                                                               \
    NEXT (prefix##_unlock) (lock);                                                       \
  }

LOCKS (GMutex, g_mutex)
LOCKS (GRecMutex, g_rec_mutex)

EXPORT void
g_cond_wait (GCond *condition, GMutex *mutex)
{
  __tsan_release (mutex);
  NEXT (g_cond_wait) (condition, mutex);
  __tsan_acquire (mutex);
}

// ---- what hands data from thread to thread -----------------------------------------

EXPORT void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
  __tsan_release (queue);
  NEXT (g_async_queue_push) (queue, data);
}

EXPORT gpointer
g_async_queue_try_pop (GAsyncQueue *queue)
{
  gpointer data = NEXT (g_async_queue_try_pop) (queue);
  __tsan_acquire (queue);
  return data;
}

EXPORT gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue, guint64 timeout)
{
  gpointer data = NEXT (g_async_queue_timeout_pop) (queue, timeout);
  __tsan_acquire (queue);
  return data;
}

EXPORT void
gst_mini_object_unref (GstMiniObject *object)
{
  // Whoever frees it comes after whoever let it go.
  __tsan_release (object);
  __tsan_acquire (object);
  NEXT (gst_mini_object_unref) (object);
}

EXPORT GstMiniObject *
gst_mini_object_make_writable (GstMiniObject *object)
{
  // Either the last owner, after all others, or one that lets go of it.
  __tsan_release (object);
  __tsan_acquire (object);
  return NEXT (gst_mini_object_make_writable) (object);
}

EXPORT void
g_object_unref (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
  NEXT (g_object_unref) (object);
}

namespace {

struct Call {
  GstElementCallAsyncFunc function;
  gpointer data;
  GDestroyNotify notify;
};

} // namespace

EXPORT void
gst_element_call_async (GstElement *element, GstElementCallAsyncFunc function,
                        gpointer data, GDestroyNotify notify)
{
  Call *call = new Call{function, data, notify};
  __tsan_release (call);
  NEXT (gst_element_call_async)
  (
      element,
      [] (GstElement *self, gpointer arguments) {
        __tsan_acquire (arguments);
        Call *asked = (Call *)arguments;
        asked->function (self, asked->data);
      },
      call,
      [] (gpointer arguments) {
        Call *asked = (Call *)arguments;
        if (asked->notify != nullptr)
          asked->notify (asked->data);
        delete asked;
      });
}
