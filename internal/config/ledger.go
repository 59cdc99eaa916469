package config

// Ledger says which hub's ledger is wanted: that of a data folder, or of the hub at an address.
type Ledger struct {
	Queue         `embed:""`
	DatabaseURL   string `name:"database-url" help:"PostgreSQL that the hub writes rows to, as for serve. Needed only while no hub runs on the data folder." placeholder:"URL" env:"PLUMBLINE_DATABASE_URL,DATABASE_URL"`
	HTTP          string `name:"http" help:"Ask the hub at this address instead, such as http://127.0.0.1:8080." placeholder:"URL" env:"-"`
	HTTPTokenFile string `name:"http-token-file" help:"File with the token that the hub at --http wants." placeholder:"FILE" type:"path"`
}
