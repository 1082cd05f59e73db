// Starts what improves a page that already works without it: the design system's modules and ours.
import { initAll } from './govuk-frontend.min.js'
import { initAll as initMoj } from './moj-frontend.min.js'

initAll()
initMoj()
document.documentElement.dataset.started = 'yes'

// A part of the page that htmx has brought in gets its modules started too.
document.body.addEventListener('htmx:load', (event) => {
  if (event.target !== document.body) {
    initAll({ scope: event.target })
    initMoj({ scope: event.target })
  }
})

// A form is sent once: while the answer is awaited, a second submit of it does nothing. The server refuses a second
// effect as well; this only spares people the message. After a while without an answer it may be sent again.
const sending = new WeakSet()
document.addEventListener('submit', (event) => {
  const form = event.target
  if (event.defaultPrevented || form.method !== 'post') return
  if (sending.has(form)) {
    event.preventDefault()
    return
  }
  sending.add(form)
  setTimeout(() => sending.delete(form), 5000)
})
// Back must bring a form that can be sent again.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) window.location.reload()
})

// A step whose answers travel in the address: the browser's Back returns to it with what was typed.
for (const form of document.querySelectorAll('form[data-app-step]')) {
  form.addEventListener('submit', () => {
    const typed = new URLSearchParams(new FormData(form))
    history.replaceState(history.state, '', `${form.dataset.appStep}?${typed}`)
  })
}

// A button that prints is only shown where it can.
for (const button of document.querySelectorAll('[data-app-print]')) {
  button.hidden = false
  button.addEventListener('click', () => window.print())
}
