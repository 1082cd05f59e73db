// Paying by card: Stripe's own field takes the card and makes a token of it, which the form brings to us. Where the bank
// asks, Stripe's script shows its question; what became of it the server asks Stripe itself.
const paying = document.querySelector('form[data-app-card]')
const confirming = document.querySelector('form[data-app-confirm]')

function say(form, text) {
  form.querySelector('[data-app-card-error]').textContent = text
}

function busy(form, yes) {
  form.querySelector('button').disabled = yes
}

if (paying && window.Stripe) {
  const stripe = window.Stripe(paying.dataset.key)
  const card = stripe.elements().create('card', { hidePostalCode: true, style: { base: { fontSize: '19px' } } })
  card.mount(paying.querySelector('[data-app-card-field]'))
  paying.hidden = false
  paying.addEventListener('submit', async (event) => {
    event.preventDefault()
    say(paying, '')
    busy(paying, true)
    let made
    try {
      made = await stripe.createToken(card)
    } catch {
      made = { error: {} }
    }
    if (made.error || !made.token) {
      say(paying, 'Check the card’s number, its last month and its security code.')
      busy(paying, false)
      return
    }
    paying.elements.token.value = made.token.id
    paying.submit()
  })
}

if (confirming && window.Stripe) {
  const stripe = window.Stripe(confirming.dataset.key)
  confirming.addEventListener('submit', async (event) => {
    event.preventDefault()
    busy(confirming, true)
    try {
      await stripe.confirmCardPayment(confirming.dataset.secret)
    } catch {
      // the server asks Stripe what became of it
    }
    confirming.submit()
  })
}
