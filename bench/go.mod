module github.com/tokligence/tokligence-gateway/bench

go 1.26
