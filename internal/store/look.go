package store

import (
	"context"

	"plumbline/internal/store/postgres"
)

// Sight is what Look sees.
type Sight = postgres.Sight

// Look connects to a PostgreSQL and says what is there; it changes nothing.
func Look(ctx context.Context, url string) (Sight, error) { return postgres.Look(ctx, url) }
