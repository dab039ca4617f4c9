import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import { authenticate, http } from '@/api/client'
import App from '@/App.vue'
import { i18n } from '@/i18n'
import { usePreferences } from '@/preferences/store'
import { router, toLogin } from '@/router'
import { useSession } from '@/session/store'
import '@/ui/element'
import '@/styles/tokens.css'
import '@/styles/base.css'
import '@/styles/element.css'

const app = createApp(App).use(createPinia()).use(i18n)
usePreferences()
const session = useSession()
authenticate(http, { token: () => session.token, renew: () => session.renew(), ended: () => session.end('expired') })
watch(
  () => session.loggedIn,
  (loggedIn) => {
    const here = router.currentRoute.value
    if (loggedIn || here.meta.open) return
    void router.push(session.ending === 'loggedOut' ? { name: 'login' } : toLogin(here))
  },
)
app.use(router).mount('#app')
