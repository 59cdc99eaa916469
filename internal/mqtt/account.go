package mqtt

// Role says what an account may do.
type Role string

// The roles. A device publishes pictures under its own name and reads its own results; a viewer reads everybody's results
// and publishes nothing.
const (
	RoleDevice Role = "device"
	RoleViewer Role = "viewer"
)

// Account is somebody who may connect. A device's account bears the device's name.
type Account struct {
	Name string
	Role Role
}
