// Sends the file of a form with its progress shown, and tries again by itself where the connection broke. Without this
// the form sends the file by itself. Sent again it is the same file: the form carries its number.
const TRIES = 3
let form = document.querySelector('form[data-app-upload]')

function say(text) {
  form.querySelector('[data-app-upload-state]').innerHTML = ''
  const line = document.createElement('p')
  line.className = 'govuk-body'
  line.textContent = text
  form.querySelector('[data-app-upload-state]').append(line)
  return line
}

// One request with its progress in words; the answer, or null where none came.
function send(address, body, headers, heading) {
  return new Promise((done) => {
    const request = new XMLHttpRequest()
    const line = heading && say(`${heading}…`)
    request.open('POST', address)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    if (line) {
      let shown = -1
      request.upload.addEventListener('progress', (event) => {
        const tenth = Math.floor((event.loaded / event.total) * 10) * 10
        if (event.lengthComputable && tenth !== shown) line.textContent = `${heading}: ${tenth} %`
        shown = tenth
      })
    }
    request.addEventListener('loadend', () => done(request.status ? request : null))
    request.send(body)
  })
}

async function patiently(address, body, headers, heading) {
  for (let left = TRIES; left > 0; left--) {
    const answer = await send(address, body(), headers, heading)
    if (answer && answer.status < 500) return answer
    if (left > 1) await new Promise((go) => setTimeout(go, 1500))
  }
  return null
}

// Straight to the store: announce, send, hand in. False where that did not work, for whatever reason.
async function straight(file) {
  const fields = new FormData(form)
  fields.delete('file')
  fields.set('file_name', file.name)
  fields.set('file_type', file.type)
  fields.set('file_size', String(file.size))
  const token = { 'x-csrf-token': fields.get('_csrf') }
  const told = await patiently(form.action, () => fields, { ...token, 'x-announce': 'yes' })
  if (!told || told.status !== 200) return false
  const place = JSON.parse(told.responseText)
  if (place.form) {
    const body = () => {
      const filled = new FormData()
      for (const [name, value] of Object.entries(place.form.fields)) filled.append(name, value)
      filled.append('file', file)
      return filled
    }
    const sent = await patiently(place.form.url, body, {}, 'Sending the file')
    if (!sent || sent.status >= 300) return false
  }
  const arrived = await patiently(`/evidence/${place.id}/arrived`, () => new FormData(), token)
  if (!arrived || arrived.status >= 300) return false
  window.location.assign(`/evidence/${place.id}`)
  return true
}

// Through the marketplace: the form as it is.
async function through() {
  const token = { 'x-csrf-token': new FormData(form).get('_csrf') }
  const answer = await patiently(form.action, () => new FormData(form), token, 'Sending the file')
  if (!answer) {
    say('The connection broke. Nothing you typed is lost: press the button to send the file again.')
    return
  }
  if (new URL(answer.responseURL).pathname !== new URL(form.action).pathname) {
    window.location.assign(answer.responseURL)
    return
  }
  // the same page with what is wrong: shown in place, what was typed is in it (its styles are here already)
  const shown = new DOMParser().parseFromString(answer.responseText.replace(/<style[^]*?<\/style>/g, ''), 'text/html')
  document.title = shown.title
  document.querySelector('main').replaceWith(shown.querySelector('main'))
  window.location.hash = ''
  const summary = document.querySelector('.govuk-error-summary')
  if (summary) {
    summary.setAttribute('tabindex', '-1')
    summary.focus()
  }
  start()
}

function start() {
  form = document.querySelector('form[data-app-upload]')
  form?.addEventListener('submit', async (event) => {
    const file = form.querySelector('input[type=file]').files[0]
    if (!file) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const button = form.querySelector('button')
    if (button.disabled) return
    button.disabled = true
    try {
      if (!('direct' in form.dataset) || !(await straight(file))) await through()
    } finally {
      button.disabled = false
    }
  })
}

start()
