import { lazy, Suspense, useEffect, type ComponentType } from 'react'
import { Boundary } from './shell/Boundary'
import { Layout } from './shell/Layout'
import { useRoute, type View } from './shell/route'
import { configureApi } from './services/api'
import { askAgain, askHost, isAdmin, isExpired, listenToHost, useSession } from './shell/session'
import { SignInDialog, SignInPage } from './shell/SignIn'
import { useOrgStore } from './store/orgStore'
import { strings } from './strings'
import { EmptyState, Skeleton } from './ui/States'
import { Toasts } from './ui/Toast'

const COMPONENTS: Record<View, ComponentType> = {
  overview: lazy(() => import('./overview/OverviewView')),
  settings: lazy(() => import('./settings/SystemSettings')),
  jobs: lazy(() => import('./jobs/JobsView')),
  'dead-letters': lazy(() => import('./dead/DeadLettersView')),
  schedules: lazy(() => import('./schedules/SchedulesView')),
  deliveries: lazy(() => import('./deliveries/DeliveriesView')),
  providers: lazy(() => import('./providers/ProvidersView')),
  templates: lazy(() => import('./templates/TemplatesView')),
  suppressions: lazy(() => import('./suppressions/SuppressionsView')),
}

configureApi({ getToken: () => useSession.getState().token, onUnauthorized: askAgain })

/* What the store knows belongs to one organization and one user. A fresh token of the same keeps it and goes on. */
useSession.subscribe((now, before) => {
  if (now.claims?.org !== before.claims?.org || now.claims?.sub !== before.claims?.sub) {
    useOrgStore.getState().reset()
  }
  if (now.token !== null && now.token !== before.token) {
    useOrgStore.getState().refresh()
  }
})

const EXPIRY_CHECK_MS = 5000

/* Asks for a fresh token when the one there is runs out, rather than when the next call is refused. */
function useExpiry(): void {
  useEffect(() => {
    const timer = setInterval(() => {
      const { claims, token, end } = useSession.getState()
      if (token !== null && isExpired(claims, Date.now())) {
        end('expired')
        void askHost()
      }
    }, EXPIRY_CHECK_MS)
    return () => clearInterval(timer)
  }, [])
}

function NoRole({ roles }: { roles: string[] }) {
  const held = roles.length === 0 ? strings.noRole.none : strings.noRole.role(roles)
  return (
    <>
      <h1 className="unseen">{strings.product}</h1>
      <EmptyState icon="lock" title={strings.noRole.title}>
        {strings.noRole.text(held)}
      </EmptyState>
    </>
  )
}

export function App() {
  const { view } = useRoute()
  const { claims, token } = useSession()
  useExpiry()
  useEffect(() => {
    void askHost()
    return listenToHost()
  }, [])
  if (claims === null) {
    return <SignInPage />
  }
  const View = COMPONENTS[view]
  return (
    <>
      <Layout view={view} claims={claims}>
        {isAdmin(claims) ? (
          <Boundary key={`${claims.org} ${view}`}>
            <Suspense fallback={<Skeleton rows={6} />}>
              <View />
            </Suspense>
          </Boundary>
        ) : (
          <NoRole roles={claims.roles} />
        )}
      </Layout>
      {token === null && <SignInDialog />}
      <Toasts />
    </>
  )
}
