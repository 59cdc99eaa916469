package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"plumbline/internal/config"
	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/users"
)

type usersCommand struct {
	Add    usersAdd    `cmd:"" help:"Make an account; a device's account bears the device's name."`
	List   usersList   `cmd:"" help:"List the accounts."`
	Remove usersRemove `cmd:"" help:"Take an account away; a running broker notices at once."`
}

// Help shows the way.
func (usersCommand) Help() string {
	return `Accounts lie in the data folder, passwords as bcrypt hashes. A running broker notices changes at once.

Examples:
  plumbline users add pi1                         # prints a password, once
  plumbline users add wall --role viewer          # reads everybody's results
  plumbline users list
  plumbline users remove pi1`
}

type usersAdd struct {
	config.Data   `embed:""`
	Name          string `arg:"" help:"Name to connect with; a device publishes only to images/NAME."`
	Role          string `help:"What the account may do: a device publishes its pictures, a viewer reads everybody's results." enum:"device,viewer" default:"device" env:"-"`
	PasswordStdin bool   `help:"Read the password's one line from standard input instead of making one up." env:"-" xor:"password"`
	PasswordFile  string `help:"Read it from a file." placeholder:"FILE" type:"path" env:"-" xor:"password"`
	IfMissing     bool   `help:"Leave an account that is there already as it is." env:"-"`
}

// Help shows examples.
func (usersAdd) Help() string {
	return `The password is made up and printed once, or read from standard input; it is never an argument, which other users of
the machine could see.

Examples:
  plumbline users add pi1
  pass show pi1 | plumbline users add pi1 --password-stdin`
}

func (c *usersAdd) Run(p *Process) error {
	if err := os.MkdirAll(c.Data.Data, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	file, err := openUsers(c.Data)
	if err != nil {
		return err
	}
	account := mqtt.Account{Name: c.Name, Role: mqtt.Role(c.Role)}
	if _, there := file.Account(c.Name); there && c.IfMissing {
		return nil
	}
	if c.PasswordStdin || c.PasswordFile != "" {
		password, err := c.givenPassword(p)
		if err != nil {
			return fmt.Errorf("reading the password: %w", err)
		}
		return file.Add(account, password)
	}
	password, err := file.AddGenerated(account)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stderr, "Account %s (%s) is made. Its password, shown this once:\n", c.Name, c.Role)
	fmt.Fprintln(p.Stdout, password)
	return nil
}

// givenPassword is the first line of a file, or of standard input.
func (c *usersAdd) givenPassword(p *Process) (string, error) {
	if c.PasswordStdin {
		return readLine(p.Stdin)
	}
	f, err := os.Open(c.PasswordFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readLine(f)
}

func openUsers(d config.Data) (*users.File, error) {
	return users.Open(filepath.Join(d.Data, users.FileName), users.Options{})
}

type usersList struct {
	config.Data `embed:""`
	JSON        bool `help:"One JSON object a line." name:"json"`
}

// Help shows examples.
func (usersList) Help() string {
	return `Examples:
  plumbline users list
  plumbline users list --json --data /var/lib/plumbline`
}

func (c *usersList) Run(p *Process) error {
	file, err := openUsers(c.Data)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(p.Stdout)
		for _, u := range file.List() {
			if err := out.Encode(map[string]any{"name": u.Name, "role": u.Role, "created_at": u.CreatedAt}); err != nil {
				return fmt.Errorf("writing the list: %w", err)
			}
		}
		return nil
	}
	out := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "NAME\tROLE\tMADE")
	for _, u := range file.List() {
		fmt.Fprintf(out, "%s\t%s\t%s\n", u.Name, u.Role, u.CreatedAt.Format(time.RFC3339))
	}
	return out.Flush()
}

type usersRemove struct {
	config.Data `embed:""`
	Name        string `arg:"" help:"Account to remove."`
}

// Help shows an example.
func (usersRemove) Help() string {
	return `Example:
  plumbline users remove pi1`
}

func (c *usersRemove) Run() error {
	file, err := openUsers(c.Data)
	if err != nil {
		return err
	}
	return file.Remove(c.Name)
}
