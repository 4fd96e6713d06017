/** Opening the page, and coming in. */

export const boot = {
  loading: 'Opening NovaCore',
  unreachable: 'NovaCore cannot be reached',
  unreachableDetail: 'The server did not answer. Check that it is running, then try again.',
  retry: 'Try again',
} as const

export const signedOut = {
  how: ['Here for the first time? Open the sign-in link that ', 'make up', ' printed in your terminal.'] as const,
  spent: 'This sign-in link was already used or has expired.',
  ended: 'You are signed out.',
  failed: (detail: string) => `The sign-in link could not be checked. ${detail}`,
} as const

export const entry = {
  name: 'Name',
  password: 'Password',
  newPassword: 'New password, at least 12 characters',
  signIn: { title: 'Sign in to NovaCore', submit: 'Sign in' },
  invite: { title: 'Make your account', submit: 'Make the account' },
  reset: { title: 'Set a new password', submit: 'Set the password' },
  choose: { title: 'Choose a name and a password', submit: 'Save' },
  later: 'Not now',
  wrong: 'The name or the password is not right.',
  inviteSpent: 'This invitation was already used or has expired. Ask for a new one.',
  resetSpent: 'This link was already used or has expired. Ask for a new one.',
} as const
